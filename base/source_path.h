// SourcePath: __FILE__ as the path from the root of the source.

#ifndef MAYFLY_BASE_SOURCE_PATH_H_
#define MAYFLY_BASE_SOURCE_PATH_H_

namespace mayfly {

// The build takes the root off absolute paths (-fmacro-prefix-map); a compiler cache may have made
// them relative to the build's folder before.
consteval const char* SourcePath(const char* file) {
  while (file[0] == '.' && file[1] == '.' && file[2] == '/') {
    file += 3;
  }
  return file;
}

}  // namespace mayfly

#endif  // MAYFLY_BASE_SOURCE_PATH_H_
