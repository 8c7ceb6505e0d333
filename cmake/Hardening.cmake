# Hardening flags, as in the OpenSSF compiler hardening guide; sanitizers replace some of them.
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(BERTH_SANITIZE "" CACHE STRING "Sanitizers, e.g. address;undefined")
option(BERTH_COVERAGE "Instrument for line coverage" OFF)

# No NDEBUG: an assertion that fails in production is a bug that we want to hear of.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")

add_compile_options(-fstack-protector-strong -fno-strict-overflow -fno-delete-null-pointer-checks)
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	add_compile_options(-fstack-clash-protection)
endif()
if(BERTH_SANITIZE)
	string(REPLACE ";" "," _sanitizers "${BERTH_SANITIZE}")
	add_compile_options(-fsanitize=${_sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
	add_link_options(-fsanitize=${_sanitizers})
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
	add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
if(BERTH_COVERAGE)
	add_compile_options(--coverage -fprofile-update=atomic)
	add_link_options(--coverage)
endif()

# For programs that run in a sandbox: see tests/sanitizers/sandboxed.c.
function(berth_sanitize_sandboxed target)
	if(BERTH_SANITIZE MATCHES "address|thread")
		target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/sanitizers/sandboxed.c)
	endif()
endfunction()
