package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// portHolders names the processes that have the port of a host:port, as far as this user may see them.
func portHolders(hostPort string) (names []string) {
	port, err := strconv.ParseUint(portOf(hostPort), 10, 16)
	if err != nil || port == 0 {
		return nil
	}
	wanted := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open("/proc/net/" + table)
		if err != nil {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(f, 32<<20))
		_ = f.Close()
		if err == nil {
			for _, inode := range socketInodes(string(b), uint16(port), strings.HasPrefix(table, "tcp")) {
				wanted["socket:["+inode+"]"] = true
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is a good one
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || !wanted[to] {
			continue
		}
		pid := strings.Split(link, "/")[2]
		comm, err := os.ReadFile("/proc/" + pid + "/comm")
		if name := holderName(string(comm), pid); err == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return []string{"a program of another user"}
	}
	return names
}
