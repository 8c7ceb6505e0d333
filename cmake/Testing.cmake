# How a test is declared: one function a kind. Labels: unit, privileged, integration, fuzz, bench, lint.
# Every test has a TIMEOUT, and exit status 77 says "this host cannot show it" (tests/README.md).
#
#   berth_add_unit_test(NAME [SOURCES] FILE... [LIBS TARGET...] [PRIVILEGED] [TIMEOUT SECONDS]
#                       [ARGUMENTS ...] [ENVIRONMENT K=V...])
#   berth_add_fuzz_target(NAME fuzz_x SOURCES FILE... [LIBS TARGET...] [CORPUS DIRECTORY] [DICTIONARY FILE])
#   berth_add_integration_test(NAME COMMAND PROGRAM [ARGUMENT...] [PRIVILEGED] [LABELS LABEL...]
#                              [TIMEOUT SECONDS] [ENVIRONMENT K=V...] [SERIAL])
#
# NAME may also be given as `NAME x`. A PRIVILEGED test needs root or a delegated host: it is one of
# those that `make test` does not allow to be skipped.

option(BERTH_FUZZ "Build the fuzz targets with libFuzzer (needs clang)" OFF)
set(BERTH_FUZZ_SECONDS 20 CACHE STRING "How long one fuzz target runs in the fuzz preset")

set(BERTH_TEST_SKIP_STATUS 77)
set(_berth_sanitizer_environment
    "ASAN_OPTIONS=abort_on_error=0:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:allocator_may_return_null=1"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/sanitizers/leak.supp:print_suppressions=0"
    "TSAN_OPTIONS=halt_on_error=1")

# What every test is told: where the tree and the built programs are.
set(_berth_test_environment
    "BERTH_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "BERTH_BUILD_DIR=${PROJECT_BINARY_DIR}"
    "BERTH=${PROJECT_BINARY_DIR}/berth"
    ${_berth_sanitizer_environment})

function(_berth_set_test_properties name labels timeout environment)
	set_tests_properties(${name} PROPERTIES
		LABELS "${labels}"
		TIMEOUT ${timeout}
		SKIP_RETURN_CODE ${BERTH_TEST_SKIP_STATUS}
		ENVIRONMENT "${_berth_test_environment};${environment}")
endfunction()

# One cmocka program a module: tests/unit/<room>/test_<module>.c
function(berth_add_unit_test)
	cmake_parse_arguments(PARSE_ARGV 0 arg "PRIVILEGED" "NAME;TIMEOUT"
	                      "SOURCES;LIBS;LABELS;ARGUMENTS;ENVIRONMENT")
	set(sources ${arg_SOURCES} ${arg_UNPARSED_ARGUMENTS})
	if(NOT arg_NAME)
		list(POP_FRONT arg_UNPARSED_ARGUMENTS arg_NAME)
		set(sources ${arg_SOURCES} ${arg_UNPARSED_ARGUMENTS})
	endif()
	if(NOT sources)
		set(sources ${arg_NAME}.c)
	endif()
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT 60)
	endif()
	set(labels unit ${arg_LABELS})
	if(arg_PRIVILEGED)
		list(APPEND labels privileged)
	endif()
	add_executable(${arg_NAME} ${sources})
	target_link_libraries(${arg_NAME} PRIVATE ${arg_LIBS} PkgConfig::CMOCKA)
	add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} ${arg_ARGUMENTS})
	_berth_set_test_properties(${arg_NAME} "${labels}" ${arg_TIMEOUT} "${arg_ENVIRONMENT}")
endfunction()

# One target a parser: tests/fuzz/fuzz_<parser>.c with LLVMFuzzerTestOneInput. Its seed corpus is
# replayed as an ordinary test everywhere; with BERTH_FUZZ the target also runs for a while.
function(berth_add_fuzz_target)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;CORPUS;DICTIONARY;TIMEOUT" "SOURCES;LIBS")
	if(NOT arg_NAME)
		list(POP_FRONT arg_UNPARSED_ARGUMENTS arg_NAME)
	endif()
	if(NOT arg_SOURCES)
		set(arg_SOURCES ${arg_NAME}.c)
	endif()
	string(REGEX REPLACE "^fuzz_" "" parser ${arg_NAME})
	set(fuzz_directory ${PROJECT_SOURCE_DIR}/tests/fuzz)
	if(NOT arg_CORPUS)
		set(arg_CORPUS ${fuzz_directory}/corpus/${parser})
	endif()
	if(NOT arg_DICTIONARY AND EXISTS ${fuzz_directory}/${parser}.dict)
		set(arg_DICTIONARY ${fuzz_directory}/${parser}.dict)
	endif()
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT 60)
	endif()
	get_filename_component(corpus ${arg_CORPUS} ABSOLUTE)

	add_executable(${arg_NAME} ${arg_SOURCES})
	target_link_libraries(${arg_NAME} PRIVATE ${arg_LIBS})
	# The fuzz entry points are called by the driver and by nobody else: no header declares them.
	target_compile_options(${arg_NAME} PRIVATE -Wno-missing-prototypes)
	if(BERTH_FUZZ)
		target_link_options(${arg_NAME} PRIVATE -fsanitize=fuzzer)
		add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} -runs=0 ${corpus})
		set(run_directory ${CMAKE_CURRENT_BINARY_DIR}/found/${parser})
		file(MAKE_DIRECTORY ${run_directory})
		set(options -max_total_time=${BERTH_FUZZ_SECONDS} -rss_limit_mb=2048 -timeout=10
		            -print_final_stats=1 -artifact_prefix=${run_directory}/crash-)
		if(arg_DICTIONARY)
			get_filename_component(dictionary ${arg_DICTIONARY} ABSOLUTE)
			list(APPEND options -dict=${dictionary})
		endif()
		add_test(NAME ${arg_NAME}_search COMMAND ${arg_NAME} ${options} ${run_directory} ${corpus})
		math(EXPR search_timeout "${BERTH_FUZZ_SECONDS} + 60")
		_berth_set_test_properties(${arg_NAME}_search "fuzz" ${search_timeout} "")
	else()
		target_sources(${arg_NAME} PRIVATE ${fuzz_directory}/replay.c)
		add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} ${corpus})
	endif()
	_berth_set_test_properties(${arg_NAME} "fuzz" ${arg_TIMEOUT} "")
endfunction()

# A test of the built programs from outside: a script or a program.
function(berth_add_integration_test)
	cmake_parse_arguments(PARSE_ARGV 0 arg "PRIVILEGED;SERIAL" "NAME;TIMEOUT"
	                      "COMMAND;LABELS;ENVIRONMENT")
	if(NOT arg_NAME)
		list(POP_FRONT arg_UNPARSED_ARGUMENTS arg_NAME)
	endif()
	if(NOT arg_COMMAND)
		set(arg_COMMAND ${arg_UNPARSED_ARGUMENTS})
	endif()
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT 300)
	endif()
	if(NOT arg_LABELS)
		set(arg_LABELS integration)
	endif()
	if(arg_PRIVILEGED)
		list(APPEND arg_LABELS privileged)
	endif()
	add_test(NAME ${arg_NAME} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
	_berth_set_test_properties(${arg_NAME} "${arg_LABELS}" ${arg_TIMEOUT} "${arg_ENVIRONMENT}")
	if(arg_SERIAL)
		set_tests_properties(${arg_NAME} PROPERTIES RUN_SERIAL TRUE)
	endif()
endfunction()
