// JailerCommand: the mayfly-jailer program.

#ifndef MAYFLY_JAILER_JAILER_COMMAND_H_
#define MAYFLY_JAILER_JAILER_COMMAND_H_

#include <span>

namespace mayfly {

// `arguments` come after the program's name, `version_text` answers --version. Closes every
// descriptor but the standard streams, and forgets the environment. Returns the exit status: 0, or
// 1 with one line on standard error; does not return when this process becomes the jailed program.
int JailerCommand(std::span<const char* const> arguments, const char* version_text);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_JAILER_COMMAND_H_
