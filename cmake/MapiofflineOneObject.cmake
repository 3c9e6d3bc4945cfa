# Run with -P. Makes a static library of one object in which only the library's own names are visible, so that it can be linked
# beside another static library that is written in Rust: both contain Rust's standard library.
#
# INPUT, OUTPUT: archives. NAMES: a file with a name a line. COMPILER, FLAGS (as in CMAKE_C_FLAGS), OBJCOPY, AR.

file(STRINGS "${NAMES}" names REGEX "^[A-Za-z0-9]+$")
list(TRANSFORM names PREPEND "-Wl,-u," OUTPUT_VARIABLE undefined)
string(REPLACE ";" "\n" lines "${names}")
file(WRITE "${OUTPUT}.names" "${lines}\n")

function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Groups are dissolved: the linker would keep one of several with a name, and its members are local here.
separate_arguments(flags NATIVE_COMMAND "${FLAGS}")
run("${COMPILER}" ${flags} -nostdlib -r -Wl,--force-group-allocation ${undefined} -o "${OUTPUT}.o" "${INPUT}")
# Bitcode, which Debian's Rust leaves in some objects, would be taken for an object to optimise when linking.
run("${OBJCOPY}" --remove-section=.llvmbc --remove-section=.llvmcmd "--keep-global-symbols=${OUTPUT}.names" "${OUTPUT}.o")
file(REMOVE "${OUTPUT}.new")
run("${AR}" crsD "${OUTPUT}.new" "${OUTPUT}.o")
run("${CMAKE_COMMAND}" -E copy_if_different "${OUTPUT}.new" "${OUTPUT}")
file(REMOVE "${OUTPUT}.new" "${OUTPUT}.o" "${OUTPUT}.names")
