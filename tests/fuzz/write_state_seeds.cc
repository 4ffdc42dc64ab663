// Writes seeds of the state reader's fuzz target, from the example that tests use.
//
// Usage: write_state_seeds FOLDER. Run with tests/fuzz/corpus/snapshot_state after a change of the
// schema: "framed" is a whole state file of this version, "payload" and "empty" are payloads. A
// new version's golden file is a copy of "framed". Exits with 1 when a file cannot be written.

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "snapshot/state_codec.h"
#include "snapshot/state_file.h"
#include "tests/fakes/example_state.h"

namespace mayfly {
namespace {

bool Write(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  for (const uint8_t byte : bytes) {
    file.put(static_cast<char>(byte));
  }
  file.close();
  if (file.fail()) {
    std::fprintf(stderr, "%s: cannot be written\n", path.c_str());
    return false;
  }
  return true;
}

bool WriteAll(const std::string& folder) {
  const SnapshotState state = ExampleState();
  // The least that can be decoded.
  SnapshotState empty;
  empty.vm.ram = GuestRamRanges(uint64_t{1} << 20);
  return Write(folder + "/framed", FrameState(EncodeState(state))) &&
         Write(folder + "/payload", EncodeState(state)) &&
         Write(folder + "/empty", EncodeState(empty));
}

}  // namespace
}  // namespace mayfly

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 1;
  }
  return mayfly::WriteAll(argv[1]) ? 0 : 1;
}
