# Writes OUTPUT, a C table of the SQL files in SOURCES (a list, in order):
#   cmake -DOUTPUT=migrations_table.c "-DSOURCES=0001.sql;0002.sql" -P embed_migrations.cmake
set(bodies "")
set(rows "")
set(number 0)
foreach(source IN LISTS SOURCES)
	math(EXPR number "${number} + 1")
	file(READ ${source} bytes HEX)
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
	string(APPEND bodies "static const char migration_${number}[] = {${bytes}0};\n")
	string(APPEND rows "\t{migration_${number}},\n")
endforeach()
file(WRITE ${OUTPUT}.new "#include \"runner/store/sqlite.h\"\n\n${bodies}\n"
     "const struct store_migration store_migrations[] = {\n${rows}};\n"
     "const int store_migration_count = ${number};\n")
file(RENAME ${OUTPUT}.new ${OUTPUT})
