//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"shoal/bench/figures"
)

// sent counts what each address sends, by the packet filter and not by what a client says of itself.
type sent struct {
	table  string
	limits map[string]float64 // bytes a second
	stop   context.CancelFunc
	done   sync.WaitGroup
	counts map[string][]figures.Count
}

// tables numbers the filter's tables: several swarms are watched at the same time.
var tables atomic.Int64

// watchSent begins to count once a second, until end. Without nft nothing is counted.
func watchSent(ctx context.Context, limits map[string]float64) (*sent, error) {
	s := &sent{table: fmt.Sprintf("bench%d", tables.Add(1)), limits: limits, counts: map[string][]figures.Count{}, stop: func() {}}
	if _, err := exec.LookPath("nft"); err != nil {
		return s, nil
	}
	if out, err := exec.CommandContext(ctx, "nft", s.rules()).CombinedOutput(); err != nil {
		why, _, _ := strings.Cut(string(out), "\n")
		return nil, fmt.Errorf("nft: %w: %s", err, why)
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() {
		for began := time.Now(); ; {
			s.read(ctx, time.Since(began).Seconds())
			if pause(ctx, time.Second) != nil {
				return
			}
		}
	})
	return s, nil
}

// rules is what the packet filter is told: a counter for each address, named after it.
func (s *sent) rules() string {
	var b strings.Builder
	fmt.Fprintf(&b, "add table ip %s; add chain ip %[1]s out { type filter hook output priority 0; };", s.table)
	for _, addr := range slices.Sorted(maps.Keys(s.limits)) {
		counter := "c" + strings.ReplaceAll(addr, ".", "_")
		fmt.Fprintf(&b, " add counter ip %s %s; add rule ip %[1]s out ip saddr %[3]s counter name %[2]s;", s.table, counter, addr)
	}
	return b.String()
}

// read notes the counters.
func (s *sent) read(ctx context.Context, at float64) {
	out, err := exec.CommandContext(ctx, "nft", "-j", "list", "counters", "table", "ip", s.table).Output()
	var list struct {
		Nftables []struct {
			Counter struct {
				Name  string  `json:"name"`
				Bytes float64 `json:"bytes"`
			} `json:"counter"`
		} `json:"nftables"`
	}
	if err != nil || json.Unmarshal(out, &list) != nil {
		return
	}
	for _, n := range list.Nftables {
		if addr, ok := strings.CutPrefix(n.Counter.Name, "c"); ok {
			addr = strings.ReplaceAll(addr, "_", ".")
			s.counts[addr] = append(s.counts[addr], figures.Count{At: at, Bytes: n.Counter.Bytes})
		}
	}
}

// end ends the count. It may be called again.
func (s *sent) end() {
	s.stop()
	s.done.Wait()
	exec.Command("nft", "delete", "table", "ip", s.table).Run() // there is none without nft, or when it is gone already
}

// worst returns the most that any address sent over its limit, NaN when nothing was counted. The count must have ended.
func (s *sent) worst() float64 {
	worst := 0.0
	for addr, counts := range s.counts {
		worst = max(worst, figures.Worst(counts, s.limits[addr]))
	}
	if worst == 0 {
		return math.NaN()
	}
	return worst
}
