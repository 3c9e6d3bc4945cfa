# Compares the output of the program with the golden file. PROGRAM begins with the emulator, if there is one.
list(REMOVE_ITEM PROGRAM "")
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed RESULT_VARIABLE result)
string(REPLACE "\r\n" "\n" printed "${printed}")
file(READ "${GOLDEN}" golden)
if(NOT result EQUAL 0 OR NOT printed STREQUAL golden)
    message(FATAL_ERROR "${GOLDEN} says otherwise than the header:\n${printed}")
endif()
