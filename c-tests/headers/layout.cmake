# What the program prints is what the golden file says.
execute_process(COMMAND "${PROGRAM}" OUTPUT_VARIABLE printed RESULT_VARIABLE result)
file(READ "${GOLDEN}" golden)
if(NOT result EQUAL 0 OR NOT printed STREQUAL golden)
    message(FATAL_ERROR "${GOLDEN} says otherwise than the header:\n${printed}")
endif()
