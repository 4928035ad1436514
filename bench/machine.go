//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"shoal/bench/figures"
)

// tmpfsMagic is what statfs says of file systems in memory.
const tmpfsMagic = 0x01021994

func inMemory(dir string) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(dir, &st) == nil && st.Type == tmpfsMagic
}

func today() string { return time.Now().Format(time.DateOnly) }

// machine describes where this runs: processor, cores, memory, kernel.
func machine() string {
	model := after("/proc/cpuinfo", "model name")
	if model == "" {
		model = runtime.GOARCH
	}
	memory := strings.Fields(after("/proc/meminfo", "MemTotal"))
	gb := 0.0
	if len(memory) > 0 {
		fmt.Sscan(memory[0], &gb)
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores, %.0f GiB, Linux %s", model, runtime.NumCPU(), gb/mib, strings.TrimSpace(string(kernel)))
}

// after returns what follows a word and a colon in a file of lines.
func after(file, word string) string {
	b, _ := os.ReadFile(file)
	for line := range strings.SplitSeq(string(b), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == word {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// versions returns those of all clients that a row tested.
func (w *world) versions(row *figures.Row) map[string]string {
	all := map[string]string{}
	for _, l := range row.Lines {
		for _, c := range w.named(l.Client) {
			if v := c.Version(); v != "" {
				all[c.Name] = v
			}
		}
	}
	return all
}
