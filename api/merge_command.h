// `mayfly merge-memory`: puts the memory file of a diff snapshot onto the one it is a diff of.

#ifndef MAYFLY_API_MERGE_COMMAND_H_
#define MAYFLY_API_MERGE_COMMAND_H_

#include <span>

namespace mayfly {

// Returns the exit status (api/exit_status.h). `arguments` come after "merge-memory". Main thread;
// waits for the disk.
int MergeCommand(std::span<const char* const> arguments);

}  // namespace mayfly

#endif  // MAYFLY_API_MERGE_COMMAND_H_
