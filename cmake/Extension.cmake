# How an extension is declared: its manifest and its task programs, in the build tree as they are
# installed (extensions/NAME/ beside the manifest, which is what the sandbox mounts).
#
#   berth_add_extension(NAME)                  # in extensions/NAME/CMakeLists.txt, after extension.json
#   berth_add_task_program(PROGRAM EXTENSION NAME TASK task.id SOURCES FILE... LIBS TARGET...)

# Not CMAKE_INSTALL_LIBDIR: these are programs and data, and berth looks for them at ../lib/berth.
set(BERTH_INSTALL_EXTENSIONS lib/berth/extensions)

function(berth_add_extension name)
	configure_file(extension.json ${PROJECT_BINARY_DIR}/extensions/${name}/extension.json COPYONLY)
	install(FILES extension.json DESTINATION ${BERTH_INSTALL_EXTENSIONS}/${name})
endfunction()

# The program, and beside it TASK.json: what `PROGRAM --describe` says, for those who only read.
function(berth_add_task_program program)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "EXTENSION;TASK" "SOURCES;LIBS")
	set(directory ${PROJECT_BINARY_DIR}/extensions/${arg_EXTENSION})
	set(description ${directory}/${arg_TASK}.json)

	add_executable(${program} ${arg_SOURCES})
	target_link_libraries(${program} PRIVATE ${arg_LIBS} berth_task)
	berth_sanitize_sandboxed(${program})
	set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${directory})
	add_custom_command(OUTPUT ${description}
		COMMAND ${program} --describe > ${description}.new
		COMMAND ${CMAKE_COMMAND} -E rename ${description}.new ${description}
		DEPENDS ${program}
		COMMENT "Describing ${arg_TASK}"
		VERBATIM)
	add_custom_target(describe-${arg_TASK} ALL DEPENDS ${description})

	install(TARGETS ${program} DESTINATION ${BERTH_INSTALL_EXTENSIONS}/${arg_EXTENSION})
	install(FILES ${description} DESTINATION ${BERTH_INSTALL_EXTENSIONS}/${arg_EXTENSION})
endfunction()
