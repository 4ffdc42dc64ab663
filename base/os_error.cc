// Error texts that differ between C libraries.

#include "base/os_error.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace mayfly {
namespace {

struct OwnText {
  int error_number = 0;
  const char* text = nullptr;
};

// Where musl 1.2.3 and glibc 2.36 differ, but for errors that musl has no text for.
constexpr OwnText kOwnTexts[] = {
    {EIO, "I/O error"},
    {ECHILD, "No child process"},
    {ENOMEM, "Out of memory"},
    {EBUSY, "Resource busy"},
    {EXDEV, "Cross-device link"},
    {EMFILE, "No file descriptors available"},
    {ENOTTY, "Not a tty"},
    {ESPIPE, "Invalid seek"},
    {EDOM, "Domain error"},
    {ERANGE, "Result not representable"},
    {EDEADLK, "Resource deadlock would occur"},
    {ENAMETOOLONG, "Filename too long"},
    {ELOOP, "Symbolic link loop"},
    {ETIME, "Device timeout"},
    {EOVERFLOW, "Value too large for data type"},
    {EILSEQ, "Illegal byte sequence"},
    {ENOTSOCK, "Not a socket"},
    {EMSGSIZE, "Message too large"},
    {ENOTSUP, "Not supported"},
    {EADDRINUSE, "Address in use"},
    {EADDRNOTAVAIL, "Address not available"},
    {ENETUNREACH, "Network unreachable"},
    {ENETRESET, "Connection reset by network"},
    {ECONNABORTED, "Connection aborted"},
    {EISCONN, "Socket is connected"},
    {ENOTCONN, "Socket not connected"},
    {ESHUTDOWN, "Cannot send after socket shutdown"},
    {ETIMEDOUT, "Operation timed out"},
    {EHOSTUNREACH, "Host is unreachable"},
    {EINPROGRESS, "Operation in progress"},
    {EDQUOT, "Quota exceeded"},
    {EOWNERDEAD, "Previous owner died"},
};

}  // namespace

std::string OsErrorText(int error_number) {
  const auto* const own = std::find_if(
      std::begin(kOwnTexts), std::end(kOwnTexts),
      [error_number](const OwnText& entry) { return entry.error_number == error_number; });
  return absl::StrCat(own != std::end(kOwnTexts)
                          ? own->text
                          : std::generic_category().message(error_number).c_str(),
                      " (os error ", error_number, ")");
}

}  // namespace mayfly
