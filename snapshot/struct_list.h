// StructList: a copy of a list of structures in a FlatBuffer.

#ifndef MAYFLY_SNAPSHOT_STRUCT_LIST_H_
#define MAYFLY_SNAPSHOT_STRUCT_LIST_H_

#include <cstring>
#include <type_traits>
#include <vector>

#include "flatbuffers/flatbuffers.h"

namespace mayfly {

// Of a verified buffer. FlatBuffers' verifier looks at a list's bounds, and not at whether its
// structures are at addresses that suit their numbers: a hostile file's need not be.
template <typename T>
std::vector<T> StructList(const flatbuffers::Vector<const T*>& list) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::vector<T> copy(list.size());
  if (!copy.empty()) {
    std::memcpy(copy.data(), list.Data(), copy.size() * sizeof(T));
  }
  return copy;
}

}  // namespace mayfly

#endif  // MAYFLY_SNAPSHOT_STRUCT_LIST_H_
