# What the program prints is what the golden file says. PROGRAM begins with what it runs under, if anything.
list(REMOVE_ITEM PROGRAM "")
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed RESULT_VARIABLE result)
string(REPLACE "\r\n" "\n" printed "${printed}")
file(READ "${GOLDEN}" golden)
if(NOT result EQUAL 0 OR NOT printed STREQUAL golden)
    message(FATAL_ERROR "${GOLDEN} says otherwise than the header:\n${printed}")
endif()
