# Target functions: every library, program and test is declared through these, so that the layer rule of
# docs/architecture.md is checked on the target graph at configure time.

# What g++ parses once instead of for every source. Not behind a compiler launcher: ccache keeps nothing that was compiled
# with such a header.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_CXX_COMPILER_LAUNCHER AND CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(MAYFLY_PRECOMPILE ON)
endif()

# mayfly_precompile(TARGET KIND HEADER ...): the headers, parsed before each source of the target. The first target of a
# kind, whose targets all have the same compiler options, parses them; the others take its result.
function(mayfly_precompile target kind)
  if(NOT MAYFLY_PRECOMPILE)
    return()
  endif()
  get_property(first GLOBAL PROPERTY MAYFLY_PRECOMPILED_${kind})
  if(first)
    target_precompile_headers(${target} REUSE_FROM ${first})
  else()
    target_precompile_headers(${target} PRIVATE ${ARGN})
    set_property(GLOBAL PROPERTY MAYFLY_PRECOMPILED_${kind} ${target})
  endif()
endfunction()

# mayfly_library(LAYER SOURCES ... DEPENDS ...): the library mayfly_LAYER of one layer.
function(mayfly_library layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  set(target mayfly_${layer})
  add_library(${target} STATIC ${arg_SOURCES})
  target_link_libraries(${target} PUBLIC mayfly_compile ${arg_DEPENDS})
  mayfly_precompile(${target} libraries <algorithm> <functional> <memory> <optional> <string> <vector>
    <absl/functional/any_invocable.h> <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h>)
  set_property(GLOBAL APPEND PROPERTY MAYFLY_LAYERS ${layer})
endfunction()

# mayfly_program(NAME SOURCES ... DEPENDS ...): a program; stands above all layers.
function(mayfly_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE mayfly_compile ${arg_DEPENDS})
  if(MAYFLY_STATIC)
    target_link_options(${name} PRIVATE -static-pie)
  else()
    target_link_options(${name} PRIVATE -pie)
  endif()
endfunction()

# mayfly_test(NAME LABEL label SOURCES ... DEPENDS ...): a GoogleTest program, registered as one ctest test. One whose
# tests were all skipped counts as skipped (tests/fakes/test_main.cc). Sources of unit tests are not optimized, which
# halves the time to compile them; what they test is. Those of KVM compare guests' memories, which takes longer then.
function(mayfly_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE mayfly_compile ${arg_DEPENDS} mayfly_test_main)
  if(arg_LABEL STREQUAL "unit")
    target_compile_options(${name} PRIVATE $<$<CONFIG:Debug>:-O0>)
  endif()
  mayfly_precompile(${name} ${arg_LABEL}_tests <gmock/gmock.h> <gtest/gtest.h> <absl/status/statusor.h> <absl/strings/str_cat.h>)
  mayfly_add_test(${name} LABEL ${arg_LABEL} TIMEOUT_S 300 COMMAND ${name})
endfunction()

# mayfly_add_test(NAME LABEL label TIMEOUT_S seconds COMMAND ...): any program as a ctest test. Exit status 77 means
# skipped; such a program prints a line "SKIPPED: reason".
function(mayfly_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT_S" "COMMAND")
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT_S} SKIP_RETURN_CODE 77)
endfunction()

# mayfly_fuzzer(NAME SOURCES ... DEPENDS ...): the program NAME_fuzz, which defines LLVMFuzzerTestOneInput. In the fuzz
# preset it is a libFuzzer program; in every other it runs the seeds of tests/fuzz/corpus/NAME once, as a ctest test.
function(mayfly_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  set(target ${name}_fuzz)
  set(corpus "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name}")
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE mayfly_compile ${arg_DEPENDS} mayfly_fuzz_main)
  if(NOT MAYFLY_BUILD_FUZZERS)
    mayfly_add_test(${target} LABEL fuzz TIMEOUT_S 120 COMMAND ${target} ${corpus})
  endif()
endfunction()

# mayfly_benchmark(NAME SOURCES ... DEPENDS ...): a Google Benchmark program that "make bench" builds and runs.
function(mayfly_benchmark name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_executable(${name} EXCLUDE_FROM_ALL ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE mayfly_compile ${arg_DEPENDS} benchmark::benchmark_main)
  add_dependencies(mayfly_benchmarks ${name})
endfunction()

# Fails the configure step when a layer's library links one that cmake/layers.txt does not allow it.
function(mayfly_check_layers)
  file(STRINGS "${PROJECT_SOURCE_DIR}/cmake/layers.txt" lines REGEX "^[a-z]+:")
  get_property(layers GLOBAL PROPERTY MAYFLY_LAYERS)
  foreach(layer IN LISTS layers)
    set(allowed "not-listed")
    foreach(line IN LISTS lines)
      if(line MATCHES "^${layer}:(.*)$")
        string(STRIP "${CMAKE_MATCH_1}" allowed)
        separate_arguments(allowed UNIX_COMMAND "${allowed}")
      endif()
    endforeach()
    if(allowed STREQUAL "not-listed")
      message(FATAL_ERROR "layer ${layer} is not in cmake/layers.txt")
    endif()
    get_target_property(links mayfly_${layer} LINK_LIBRARIES)
    foreach(link IN LISTS links)
      if(link MATCHES "^mayfly_(.*)$" AND NOT link STREQUAL "mayfly_compile")
        if(NOT CMAKE_MATCH_1 IN_LIST allowed)
          message(FATAL_ERROR
            "mayfly_${layer} links ${link}: cmake/layers.txt does not allow ${layer} to use ${CMAKE_MATCH_1}")
        endif()
      endif()
    endforeach()
  endforeach()
endfunction()
