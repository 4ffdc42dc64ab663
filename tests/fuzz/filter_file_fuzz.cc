// Feeds DecodeFilterFile any bytes: what it takes is written back with as many bytes and the same
// filters.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "jailer/filter_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto filters = mayfly::DecodeFilterFile({data, size});
  if (!filters.ok()) {
    return 0;
  }
  const auto bytes = mayfly::EncodeFilterFile(*filters);
  MAYFLY_CHECK(bytes.size() == size);
  const auto again = mayfly::DecodeFilterFile(bytes);
  MAYFLY_CHECK(again.ok() && again->size() == filters->size());
  for (const auto& [thread, program] : *filters) {
    MAYFLY_CHECK(mayfly::IsThreadName(thread));
    const auto same = again->find(thread);
    MAYFLY_CHECK(same != again->end() && same->second.size() == program.size());
    MAYFLY_CHECK(std::memcmp(same->second.data(), program.data(),
                             program.size() * sizeof(sock_filter)) == 0);
  }
  return 0;
}
