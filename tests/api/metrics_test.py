"""Lines of metrics and of the log: keys and their order, counts since the last line, form, and targets that take nothing."""

import fcntl
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from client import wait_until  # noqa: E402
from monitor import VERSION, ApiTest, main, needs_kvm  # noqa: E402
import tiny_guest  # noqa: E402


def counts(*names):
    """The two counters of each kind of request."""
    return [f"{name}_{part}" for name in names for part in ("count", "fails")]


AGGREGATE = ("min_us", "max_us", "sum_us")
BLOCK = ("activate_fails cfg_fails no_avail_buffer event_fails execute_fails invalid_reqs_count flush_count queue_event_count "
         "rate_limiter_event_count update_count update_fails read_bytes write_bytes read_count write_count read_agg write_agg "
         "rate_limiter_throttled_events io_engine_throttled_events remaining_reqs_count").split()
NET = ("activate_fails cfg_fails no_rx_avail_buffer no_tx_avail_buffer event_fails rx_queue_event_count "
       "rx_event_rate_limiter_count rx_rate_limiter_throttled rx_tap_event_count rx_bytes_count rx_packets_count rx_fails "
       "rx_count tap_read_fails tap_write_fails tap_write_agg tx_bytes_count tx_malformed_frames tx_fails tx_count "
       "tx_packets_count tx_queue_event_count tx_rate_limiter_event_count tx_rate_limiter_throttled tx_spoofed_mac_count "
       "tx_remaining_reqs_count").split()
SNAPSHOT_TIMES = ["full_create_snapshot", "diff_create_snapshot", "load_snapshot", "pause_vm", "resume_vm"]
# The groups in their order, and the keys of each.
GROUPS = {
    "api_server": "process_startup_time_us process_startup_time_cpu_us".split(),
    "balloon": ("activate_fails inflate_count stats_updates_count stats_update_fails deflate_count event_fails "
                "free_page_report_count free_page_report_freed free_page_report_fails free_page_hint_count "
                "free_page_hint_freed free_page_hint_fails").split(),
    "block": BLOCK,
    "deprecated_api": ["deprecated_http_api_calls"],
    "get_api_requests": [f"{name}_count" for name in ("instance_info", "machine_cfg", "mmds", "vmm_version", "hotplug_memory")],
    "i8042": "error_count missed_read_count missed_write_count read_count reset_count write_count".split(),
    "uart": ("error_count flush_count missed_read_count missed_write_count read_count write_count "
             "rate_limiter_dropped_bytes").split(),
    "latencies_us": SNAPSHOT_TIMES + [f"vmm_{name}" for name in SNAPSHOT_TIMES],
    "logger": "missed_metrics_count metrics_fails missed_log_count rate_limited_log_count".split(),
    "mmds": ("rx_accepted rx_accepted_err rx_accepted_unusual rx_bad_eth rx_invalid_token rx_no_token rx_count tx_bytes "
             "tx_count tx_errors tx_frames connections_created connections_destroyed").split(),
    "net": NET,
    "patch_api_requests": counts("drive", "network", "machine_cfg", "mmds", "hotplug_memory", "pmem"),
    "put_api_requests": counts("actions", "boot_source", "drive", "logger", "machine_cfg", "cpu_cfg", "metrics", "network",
                               "mmds", "vsock", "pmem", "serial", "hotplug_memory"),
    "seccomp": ["num_faults"],
    "vcpu": ("exit_io_in exit_io_out exit_mmio_read exit_mmio_write failures kvmclock_ctrl_fails exit_io_in_agg "
             "exit_io_out_agg exit_mmio_read_agg exit_mmio_write_agg").split(),
    "vmm": ["panic_count"],
    "signals": "sigbus sigsegv sigxfsz sigxcpu sigpipe sighup sigill".split(),
    "vsock": ("activate_fails cfg_fails rx_queue_event_fails tx_queue_event_fails ev_queue_event_fails muxer_event_fails "
              "conn_event_fails rx_queue_event_count tx_queue_event_count rx_bytes_count tx_bytes_count rx_packets_count "
              "tx_packets_count conns_added conns_killed conns_removed killq_resync tx_flush_fails tx_write_fails "
              "rx_read_fails").split(),
    "entropy": ("activate_fails entropy_event_fails entropy_event_count entropy_bytes host_rng_fails "
                "entropy_rate_limiter_throttled rate_limiter_event_count").split(),
    "pmem": ("activate_fails cfg_fails event_fails queue_event_count rate_limiter_throttled_events "
             "rate_limiter_event_count").split(),
    "interrupts": ["triggers", "config_updates"],
    "memory_hotplug": ("activate_fails queue_event_fails queue_event_count plug_count plug_bytes plug_fails plug_agg "
                       "unplug_count unplug_bytes unplug_fails unplug_discard_fails unplug_agg state_count state_fails "
                       "state_agg unplug_all_count unplug_all_fails unplug_all_agg").split(),
}


class MetricsTest(ApiTest):
    """A file or FIFO with one object for each line."""

    def lines(self, name="metrics"):
        with open(self.path(name), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def flush(self):
        """One more line, as an object."""
        before = len(self.lines())
        self.done(self.api.action("FlushMetrics"))
        lines = self.lines()
        self.assertEqual(len(lines), before + 1)
        return lines[-1]

    def check_keys(self, line, disks=(), head=("utc_timestamp_ms",)):
        expected = list(GROUPS)
        place = expected.index("block")
        expected[place:place] = [f"block_{disk}" for disk in disks]
        self.assertEqual(list(line), [*head, *expected])
        for group, keys in {**GROUPS, **{f"block_{disk}": BLOCK for disk in disks}}.items():
            self.assertEqual(list(line[group]), keys, group)
            for key, value in line[group].items():
                values = value.values() if isinstance(value, dict) else [value]
                self.assertTrue(all(type(number) is int and number >= 0 for number in values), (group, key, value))
                if isinstance(value, dict):
                    self.assertEqual(tuple(value), AGGREGATE, (group, key))
                    self.assertTrue(key.endswith("_agg"), (group, key))

    @needs_kvm
    def test_keys_of_every_line(self):
        self.start("--metrics-path", self.path("metrics"))
        self.configure()
        for name in ("a", "b"):
            self.done(self.api.put(f"/drives/{name}", {"drive_id": name, "is_root_device": False, "path_on_host": self.disk()}))
        self.done(self.api.action("InstanceStart"))
        self.flush()
        self.monitor.stop(1)
        lines = self.lines()
        self.assertEqual(len(lines), 3, "at the start, when asked, at the end")
        # The line of a signal is put together beforehand, so its keys are those of the last one.
        for line in lines:
            self.check_keys(line, disks=("a", "b"))
        for line in lines:
            for group in ("balloon", "vsock", "entropy", "pmem", "memory_hotplug"):
                numbers = re.findall(r"\d+", json.dumps(list(line[group].values())))
                self.assertEqual(set(numbers), {"0"}, group)

    @needs_kvm
    def test_nothing_before_it_is_asked_for_and_a_line_at_the_end(self):
        self.start()
        self.done(self.api.put("/metrics", {"metrics_path": self.path("metrics"), "emit_id": True,
                                            "properties": {"zone": "a", "other": "\u00e9\"\n"}}))
        self.assertEqual(self.lines(), [])
        self.configure(tiny_guest.HELLO_THEN_RESET)
        self.done(self.api.action("InstanceStart"))
        self.assertEqual(self.monitor.ended(), 0)
        first, last = self.lines()
        for line in (first, last):
            self.check_keys(line, head=("utc_timestamp_ms", "id", "properties"))
            self.assertEqual(line["id"], "test")
            self.assertEqual(line["properties"], {"zone": "a", "other": "\u00e9\"\n"})
        self.assertEqual(first["i8042"]["reset_count"] + last["i8042"]["reset_count"], 1)
        self.assertEqual(first["uart"]["write_count"] + last["uart"]["write_count"], 6)

    @needs_kvm
    def test_counts_are_those_since_the_last_line(self):
        self.start("--metrics-path", self.path("metrics"))
        self.api.put("/machine-config", {"vcpu_count": 0, "mem_size_mib": 1})
        self.api.put("/machine-config", "{")
        for _ in range(3):
            self.api.get("/version")
        self.configure(tiny_guest.SPIN)
        self.api.put("/machine-config", {"vcpu_count": 1, "mem_size_mib": 32, "cpu_template": "None"})
        self.done(self.api.action("InstanceStart"))
        first = self.lines()[0]
        self.assertEqual(first["put_api_requests"]["machine_cfg_count"], 4)
        # Fails are bodies that cannot be read, not values that are refused.
        self.assertEqual(first["put_api_requests"]["machine_cfg_fails"], 1)
        self.assertEqual(first["put_api_requests"]["boot_source_count"], 1)
        self.assertEqual(first["put_api_requests"]["actions_count"], 1)
        self.assertEqual(first["get_api_requests"]["vmm_version_count"], 3)
        self.assertEqual(first["deprecated_api"]["deprecated_http_api_calls"], 1)
        self.api.get("/version")
        self.api.patch("/drives/a", {"drive_id": "a", "path_on_host": "nothing"})
        second = self.flush()
        self.assertEqual(second["get_api_requests"]["vmm_version_count"], 1)
        self.assertEqual(second["put_api_requests"]["machine_cfg_count"], 0)
        self.assertEqual(second["put_api_requests"]["actions_count"], 1)
        self.assertEqual(second["patch_api_requests"]["drive_count"], 1)
        self.assertEqual(second["deprecated_api"]["deprecated_http_api_calls"], 0)

    @needs_kvm
    def test_last_line_of_a_program_that_is_told_to_end(self):
        self.boot("--metrics-path", self.path("metrics"))
        wait_until(lambda: tiny_guest.last_count(self.monitor.output()) > 0, "progress of the guest")
        self.assertEqual(self.monitor.stop(15), -15)
        _, last = self.lines()
        self.assertGreater(last["vcpu"]["exit_io_out"], 0)
        self.assertGreater(last["uart"]["write_count"], 0)

    @needs_kvm
    def test_flush_without_a_target_is_no_error(self):
        self.boot()
        self.done(self.api.action("FlushMetrics"))

    @needs_kvm
    def test_latencies_stay(self):
        self.boot("--metrics-path", self.path("metrics"))
        self.assertEqual(self.flush()["latencies_us"]["pause_vm"], 0)
        self.done(self.api.patch("/vm", {"state": "Paused"}))
        self.done(self.api.patch("/vm", {"state": "Resumed"}))
        first = self.flush()["latencies_us"]
        # Resuming may take less than a microsecond.
        for name in ("pause_vm", "vmm_pause_vm"):
            self.assertGreater(first[name], 0, name)
        self.assertGreaterEqual(first["pause_vm"], first["vmm_pause_vm"])
        self.assertEqual(self.flush()["latencies_us"], first)

    @needs_kvm
    def test_time_is_that_of_the_line(self):
        self.boot("--metrics-path", self.path("metrics"))
        before = time.time() * 1000
        written = self.flush()["utc_timestamp_ms"]
        self.assertTrue(before - 1000 <= written <= time.time() * 1000 + 1000, (before, written))

    @needs_kvm
    def test_full_fifo_blocks_nobody_and_is_counted(self):
        os.mkfifo(self.path("fifo"))
        reader = os.open(self.path("fifo"), os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 1 << 15)
        self.boot("--metrics-path", self.path("fifo"))
        for _ in range(20):
            self.done(self.api.action("FlushMetrics"))
        self.assertEqual(self.state(), "Running")
        os.read(reader, 1 << 15)
        # What comes after a line that was lost is a whole line again, which tells of it.
        self.done(self.api.action("FlushMetrics"))
        last = json.loads(os.read(reader, 1 << 15).splitlines()[-1])
        self.assertGreater(last["logger"]["missed_metrics_count"], 0)

    def test_startup_time_of_the_jailer(self):
        start_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.start("--start-time-us", start_us, "--start-time-cpu-us", 0, "--parent-cpu-time-us", 5000)
        text = self.api.get("/metrics").body.decode()
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        value = int(re.search(r"^mayfly_api_server_process_startup_time_us\S* (\d+)", text, re.MULTILINE)[1])
        self.assertTrue(0 < value <= now_us - start_us, value)
        self.assertGreaterEqual(int(re.search(r"^mayfly_api_server_process_startup_time_cpu_us\S* (\d+)", text,
                                              re.MULTILINE)[1]), 5000)

    def test_targets_that_cannot_be_opened(self):
        self.start()
        self.refused(self.api.put("/metrics", {"metrics_path": "/nothing/metrics"}),
                     re.compile(r"Metrics error: .*No such file or directory \(os error 2\).*"))


class LogTest(ApiTest):
    """Lines of the log, which clients parse."""

    LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9} \[test:(firecracker|fc_api|fc_vcpu \d+)"
                      r"(?P<level>:(ERROR|WARN|INFO|DEBUG|TRACE))?(?P<origin>:[^\]:]+/[^\]:]+:\d+)?\] (?P<message>.*)")

    def lines(self, name="log"):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read().splitlines()

    def check_form(self, line, level=False, origin=False):
        match = self.LINE.fullmatch(line)
        self.assertIsNotNone(match, line)
        self.assertEqual((bool(match["level"]), bool(match["origin"])), (level, origin), line)
        return match["message"]

    def test_form_of_lines(self):
        for level in (False, True):
            for origin in (False, True):
                name = f"log{level}{origin}"
                flags = ["--show-level"] * level + ["--show-log-origin"] * origin
                self.start("--log-path", self.path(name), "--level", "debug", *flags)
                self.api.get("/")
                messages = [self.check_form(line, level, origin) for line in self.lines(name)]
                self.assertEqual(messages[0], f"Running Firecracker v{VERSION}")
                self.assertIn(f'Listening on API socket ("{self.monitor.socket_path}").', messages)
                self.assertIn("API server started.", messages)
                self.monitor.stop()
                os.unlink(self.monitor.socket_path)

    def test_time_is_local(self):
        self.start("--log-path", self.path("log"), env={**os.environ, "TZ": "XXX-05:30"})
        stamp = self.lines()[0].split(".")[0]
        ahead_s = time.mktime(time.strptime(stamp, "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())
        self.assertLess(abs(ahead_s - 5.5 * 3600), 60, stamp)

    def test_lines_of_requests(self):
        self.start("--log-path", self.path("log"), "--level", "Debug")
        self.api.get("/version")
        self.api.put("/machine-config", '{"vcpu_count": 1, "mem_size_mib": 64}')
        self.api.put("/machine-config", '{"vcpu_count": 0, "mem_size_mib": 64}')
        self.api.put("/mmds", {"password": "secret"})
        self.api.patch("/mmds", {"password": "secret2"})
        self.api.put("/cpu-config", '{"kvm_capabilities": []}')
        messages = [self.check_form(line) for line in self.lines()]
        start = messages.index('The API server received a Get request on "/version".')
        self.assertEqual(messages[start + 1], "The request was executed successfully. Status code: 200 OK.")
        self.assertRegex(messages[start + 2], r"\ATotal previous API call duration: \d+ us\.\Z")
        start = messages.index('The API server received a Put request on "/machine-config" with body '
                               '"{\\"vcpu_count\\": 1, \\"mem_size_mib\\": 64}".')
        self.assertEqual(messages[start + 1], "The request was executed successfully. Status code: 204 No Content.")
        self.assertIn("Received Error. Status code: 400 Bad Request. Message: Machine config error: The number of vCPUs must be "
                      "greater than 0, less than 32 and must be 1 or an even number if SMT is enabled.", messages)
        self.assertIn('The API server received a Put request on "/mmds".', messages)
        self.assertIn('The API server received a Patch request on "/mmds".', messages)
        self.assertNotIn("secret", "\n".join(messages))
        self.assertIn('The API server received a Put request on "/cpu-config" with body "{\\"kvm_capabilities\\": []}".', messages)

    def test_cpu_template_is_logged_for_debugging_only(self):
        self.start("--log-path", self.path("log"))
        self.api.put("/cpu-config", '{"kvm_capabilities": ["!121"]}')
        text = "\n".join(self.lines())
        self.assertIn('The API server received a Put request on "/cpu-config"', text)
        self.assertNotIn("121", text)
        self.assertNotIn("Total previous API call duration", text)

    def test_bodies_cannot_break_lines(self):
        self.start("--log-path", self.path("log"))
        self.api.put("/logger", '{"level":\n"Info"\r}')
        self.api.put("/boot-source", b'{"kernel_image_path": "\xff\x1b[31m\x00"}')
        self.api.put("/boot-source", '{"kernel_image_path": "a\\nb"}')
        for line in self.lines():
            self.check_form(line)

    def test_level_of_put_logger(self):
        self.start("--log-path", self.path("log"), "--level", "Error")
        self.assertEqual(self.lines(), [])
        # Without a level it is Info again.
        self.done(self.api.put("/logger", {"show_level": True}))
        self.api.get("/")
        self.assertTrue(any("Get request" in line for line in self.lines()), self.lines())
        self.done(self.api.put("/logger", {"log_path": self.path("second"), "level": "wArNiNg", "show_log_origin": True}))
        self.api.get("/")
        self.assertFalse(any("Get request" in line for line in self.lines("second")))
        self.api.get("/nothing")
        self.check_form(self.lines("second")[-1], level=True, origin=True)
        self.done(self.api.put("/logger", {"level": "Off"}))
        count = len(self.lines("second"))
        self.api.get("/nothing")
        self.assertEqual(len(self.lines("second")), count)

    def test_module(self):
        self.start("--log-path", self.path("log"), "--show-log-origin")
        self.done(self.api.put("/logger", {"module": "devices", "show_log_origin": True}))
        count = len(self.lines())
        self.api.get("/")
        self.assertEqual(len(self.lines()), count)

    def test_full_fifo_blocks_nobody_and_is_counted(self):
        os.mkfifo(self.path("log"))
        reader = os.open(self.path("log"), os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        self.start("--log-path", self.path("log"))
        for _ in range(200):
            self.api.get("/")
        text = self.api.get("/metrics").body.decode()
        self.assertGreater(int(re.search(r"^mayfly_logger_missed_log_count\S* (\d+)", text, re.MULTILINE)[1]), 100)

    def test_reader_of_a_fifo_that_goes_away(self):
        os.mkfifo(self.path("log"))
        reader = os.open(self.path("log"), os.O_RDONLY | os.O_NONBLOCK)
        self.start("--log-path", self.path("log"))
        os.close(reader)
        self.api.get("/")
        self.assertEqual(self.state(), "Not started")

    @needs_kvm
    def test_last_line_says_how_it_ended(self):
        for code, status, message in ((tiny_guest.HELLO_THEN_RESET, 0, "Firecracker exiting successfully. exit_code=0"),
                                      (tiny_guest.TRIPLE_FAULT, 1, "Firecracker exiting with error. exit_code=1")):
            self.boot("--log-path", self.path(f"log{status}"), code=code)
            self.assertEqual(self.monitor.ended(), status)
            self.assertEqual(self.check_form(self.lines(f"log{status}")[-1]), message)
            os.unlink(self.monitor.socket_path)

    @needs_kvm
    def test_times_of_pausing(self):
        self.boot("--log-path", self.path("log"))
        self.done(self.api.patch("/vm", {"state": "Paused"}))
        self.done(self.api.patch("/vm", {"state": "Resumed"}))
        wait_until(lambda: len(re.findall(r"'(pause|resume) vm' API request took \d+ us\.", "\n".join(self.lines()))) == 2,
                   lambda: f"both times in {self.lines()}")


if __name__ == "__main__":
    main()
