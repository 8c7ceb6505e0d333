/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program there is: exit(0). What is left of a launch is the launcher's own. */
	.globl _start
_start:
#if defined(__x86_64__)
	mov $60, %eax
	xor %edi, %edi
	syscall
#elif defined(__aarch64__)
	mov x8, #93
	mov x0, #0
	svc #0
#endif
	.section .note.GNU-stack, "", %progbits
