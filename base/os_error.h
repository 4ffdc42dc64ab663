// The texts of operating system errors as Firecracker prints them.

#ifndef MAYFLY_BASE_OS_ERROR_H_
#define MAYFLY_BASE_OS_ERROR_H_

#include <string>

namespace mayfly {

// "No such file or directory (os error 2)": the text of the errno value `error_number`, then the
// value. Where the C library that Firecracker is built with (musl) has a text of its own, that one:
// its clients match on it.
std::string OsErrorText(int error_number);

}  // namespace mayfly

#endif  // MAYFLY_BASE_OS_ERROR_H_
