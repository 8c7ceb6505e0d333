# Debian packages only; packages.txt lists them.
find_package(PkgConfig REQUIRED)

# Release programs carry the small libraries inside: they start faster and need less at run time.
option(BERTH_STATIC "Link the small libraries statically" OFF)
set(_library_suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
if(BERTH_STATIC)
	set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(LIBSECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(LIBCAP REQUIRED IMPORTED_TARGET libcap)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
# its archive names the mathematics that it needs nowhere
target_link_libraries(PkgConfig::SQLITE INTERFACE m)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
set(CMAKE_FIND_LIBRARY_SUFFIXES ${_library_suffixes})

if(BUILD_TESTING)
	pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()

# Makes a program need no shared library at all, where the build allows that: for berth itself
# (it starts faster) and for berth-task (it must run in any image).
function(berth_link_statically target)
	if(BERTH_STATIC AND NOT BERTH_SANITIZE)
		# as a library, behind the -pie that CMake adds: the last one counts
		target_link_libraries(${target} PRIVATE -static-pie)
	endif()
endfunction()
