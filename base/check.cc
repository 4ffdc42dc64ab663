// MAYFLY_CHECK's failure path.

#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace mayfly {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace mayfly
