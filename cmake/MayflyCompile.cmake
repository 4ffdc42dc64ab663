# The compiler and linker flags of every Mayfly target, as one interface library.

add_library(mayfly_compile INTERFACE)
target_include_directories(mayfly_compile INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(mayfly_compile INTERFACE MAYFLY_VERSION="${PROJECT_VERSION}")

target_compile_options(mayfly_compile INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wcast-align
  -Wnull-dereference -Wimplicit-fallthrough -Wformat=2
  # __FILE__, which the log shows, is the path from the root.
  -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>
  $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast>
  # clang 14 takes the 0 of a rewritten operator<=> for a null pointer.
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wzero-as-null-pointer-constant>
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
  # Designated initialisers leave the other members at their defaults on purpose.
  -Wno-missing-field-initializers)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(mayfly_compile INTERFACE -Wthread-safety)
endif()
if(MAYFLY_WERROR)
  target_compile_options(mayfly_compile INTERFACE -Werror)
endif()

if(MAYFLY_BUILD_FUZZERS)
  # Coverage of the libraries too, for libFuzzer to steer by. The definition lets a target change guest memory behind
  # what reads it (base/guest_read_hook.h).
  target_compile_definitions(mayfly_compile INTERFACE FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
  target_compile_options(mayfly_compile INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(mayfly_compile INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(MAYFLY_SANITIZE)
  target_compile_options(mayfly_compile INTERFACE
    -fsanitize=${MAYFLY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(mayfly_compile INTERFACE -fsanitize=${MAYFLY_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(mayfly_compile INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
    -ffunction-sections -fdata-sections)
  # GCC has one or the other.
  if(MAYFLY_RETPOLINE)
    target_compile_options(mayfly_compile INTERFACE -fcf-protection=none
      -mindirect-branch=thunk -mindirect-branch-register -mfunction-return=thunk)
  else()
    target_compile_options(mayfly_compile INTERFACE -fcf-protection=full)
  endif()
  target_link_options(mayfly_compile INTERFACE
    -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections)
endif()

# Debian's package describes Abseil's shared libraries only; the static ones lie beside them. Points every imported
# target at its archive. Call after find_package(absl).
function(mayfly_use_static_abseil)
  get_directory_property(targets IMPORTED_TARGETS)
  list(FILTER targets INCLUDE REGEX "^absl::")
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL "SHARED_LIBRARY")
      continue()  # headers only
    endif()
    get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
    foreach(configuration IN LISTS configurations)
      get_target_property(shared ${target} IMPORTED_LOCATION_${configuration})
      string(REGEX REPLACE "[.]so.*$" ".a" archive "${shared}")
      if(NOT EXISTS "${archive}")
        message(FATAL_ERROR "${target}: no static library ${archive}")
      endif()
      set_target_properties(${target} PROPERTIES
        IMPORTED_LOCATION_${configuration} "${archive}" IMPORTED_SONAME_${configuration} "")
    endforeach()
  endforeach()
endfunction()
