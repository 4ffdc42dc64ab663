#!/usr/bin/python3
"""What the linker and the compiler did to the release programs, for whoever gets hold of one of them from inside."""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "api"))
from monitor import ROOT, main  # noqa: E402

PROGRAMS = ("api/mayfly", "jailer/mayfly-jailer", "jailer/seccompiler")


def readelf(option, program):
    path = os.path.join(ROOT, "build/release", program)
    return subprocess.run(["readelf", "-W", option, path], check=True, capture_output=True, text=True).stdout


class HardeningTest(unittest.TestCase):
    def test_position_independent_and_static(self):
        for program in PROGRAMS:
            with self.subTest(program=program):
                self.assertIn("DYN (Position-Independent Executable file)", readelf("-h", program))
                self.assertNotIn("INTERP", readelf("-l", program))
                self.assertNotIn("NEEDED", readelf("-d", program))

    def test_relocations_are_done_at_the_start_and_read_only(self):
        for program in PROGRAMS:
            with self.subTest(program=program):
                self.assertIn("GNU_RELRO", readelf("-l", program))
                self.assertRegex(readelf("-d", program), r"BIND_NOW|Flags: NOW")
                self.assertNotIn("TEXTREL", readelf("-d", program))

    def test_nothing_is_writable_and_executable(self):
        for program in PROGRAMS:
            with self.subTest(program=program):
                segments = re.findall(r"^\s+(LOAD|GNU_STACK)\s+(?:0x\w+\s+){5}(R?[ ]?W?[ ]?E?)\s", readelf("-l", program), re.M)
                self.assertIn("GNU_STACK", [kind for kind, _ in segments])
                for kind, flags in segments:
                    self.assertFalse("W" in flags and "E" in flags, (kind, flags))

    def test_stack_protector_and_checked_copies(self):
        for program in PROGRAMS:
            with self.subTest(program=program):
                symbols = readelf("-s", program)
                self.assertIn(" __stack_chk_fail", symbols)
                self.assertRegex(symbols, r" __(memcpy|snprintf|vsnprintf|fprintf|read)_chk")


if __name__ == "__main__":
    main()
