# What of llama-cpp-python's build r1local never loads: multimodal models, and the code that
# llama.cpp's own programs share. Without them it takes 160 s of processor time instead of 380.
#
# CMake includes this file after each `project` (CMAKE_PROJECT_INCLUDE); these variables come
# before the options of the same names (policies CMP0077 and CMP0126).
set(LLAVA_BUILD OFF)
set(LLAMA_BUILD_COMMON OFF)
