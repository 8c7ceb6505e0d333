# Warnings of docs/STYLE rows 38; -Werror only in the developer presets.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
option(BERTH_WERROR "Treat warnings as errors" OFF)
add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64 _TIME_BITS=64)
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
                    -Wformat=2 -Wundef -Wcast-qual -Wimplicit-fallthrough -Wswitch-enum)
if(BERTH_WERROR)
	add_compile_options(-Werror)
endif()
