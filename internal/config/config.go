// Package config owns the configuration file: its keys (one table: keys.go), how they are read, checked, explained and
// written down. cmd/shoal is its only user. It opens the file that it is told and looks at the environment
// through the function that it is handed; it starts no goroutine. A Config belongs to the goroutine that loaded it until it is
// shared, and is not changed after that.
package config

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/status"
)

// Config is what is in force: the value of every key of the table, from whichever source had the last word.
type Config struct {
	Download  Download
	Network   Network
	Limits    Limits
	Queue     Queue
	Seeding   Seeding
	RPC       RPC
	Watch     Watch
	Trackers  []string // asked for every torrent that is not private, each a tier of its own
	Blocklist Blocklist
	Hooks     Hooks
	TUI       TUI
	Log       Log

	Path    string            // of the file, "" for none
	Profile string            // that was chosen, "" for none
	origins map[string]string // by key; a key that is not there has its default
}

// Download is where torrents go and how. Paths are absolute.
type Download struct {
	Dir, IncompleteDir                               string // IncompleteDir "" for Dir
	Preallocate, Sequential, AddStopped, DeleteAdded bool
}

// Network is how peers are found and met.
type Network struct {
	Listen                        string // HOST:PORT
	DHT, PEX, LSD, PortMapping    bool
	DHTReadOnly                   bool
	Bootstrap                     []string // HOST:PORT each
	Encryption                    string   // prefer, require or off
	MaxPeers, MaxPeersEachTorrent int
}

// Limits are bytes a second, 0 for none.
type Limits struct {
	Down, Up         int64
	AltDown, AltUp   int64
	AltSchedule      []status.Window
	DownEach, UpEach int64
	UploadSlots      int // 0 chooses by rate
}

// Queue is how many torrents run at a time, 0 for all.
type Queue struct {
	Downloads, Seeds int
	StalledAfter     time.Duration // 0: stalled torrents count
}

// Seeding are the goals that end it, 0 for none.
type Seeding struct {
	Ratio      float64
	Time, Idle time.Duration
}

// RPC is how the daemon is steered.
type RPC struct {
	Listen          string // HOST:PORT, "" for none
	UnixSocket      string // a path, "auto" for the usual place, "" for none
	User            string
	PasswordFile    string
	AllowHosts      []string
	TLSCert, TLSKey string
	Roots           []string // absolute
	Pprof           bool
}

// Watch is which folders .torrent files and magnet links are taken from.
type Watch struct {
	Dirs  []string // absolute
	After string   // rename or delete
}

// Blocklist says where the list is; at most one of URL and File is set.
type Blocklist struct {
	URL, File string
	Refresh   time.Duration // 0: never
}

// Hooks are programs and their arguments, nil for none.
type Hooks struct{ Added, Done, SeedingDone, Error []string }

// TUI is how the terminal UI looks and what its keys do.
type TUI struct {
	Theme  string // a name of theme.Names, or the absolute path of a theme file
	Glyphs string // auto, braille, block or ascii
	Mouse  bool
	Color  string              // auto, always or never
	Keys   map[string][]string // by action, what keys.Bind takes
	Views  []View              // by name
}

// View is a saved look at the list of the terminal UI. What stands in it is looked at by who shows it.
type View struct{ Name, Filter, Sort string }

// Log is what is logged, and where to.
type Log struct {
	Level  string // auto, warn, info or debug
	Format string // text or json
	File   string // absolute, "" for standard error
}

// Line is the line of the file that gave a key its value; 0 where it is of another origin.
func (c *Config) Line(key string) int {
	line, found := strings.CutPrefix(c.origins[key], c.Path+":")
	n, err := strconv.Atoi(line)
	if c.Path == "" || !found || err != nil {
		return 0
	}
	return n
}

// Origin says where the value of a key comes from: "default", "FILE:LINE", "environment NAME" or "--FLAG".
func (c *Config) Origin(key string) string {
	if o, ok := c.origins[key]; ok {
		return o
	}
	return "default"
}

// Given reports whether the key has a value that somebody chose, be it that of the default.
func (c *Config) Given(key string) bool {
	_, ok := c.origins[key]
	return ok
}

// Absolute makes the paths absolute that flags and variables of the environment gave relative to the current folder.
func (c *Config) Absolute() error {
	list := []*string{&c.Download.Dir, &c.Download.IncompleteDir, &c.RPC.PasswordFile, &c.RPC.TLSCert, &c.RPC.TLSKey, &c.Blocklist.File}
	for _, dirs := range [][]string{c.RPC.Roots, c.Watch.Dirs} {
		for i := range dirs {
			list = append(list, &dirs[i])
		}
	}
	for _, p := range list {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("the folder of %s is not known: %w", *p, err)
		}
		*p = abs
	}
	return nil
}

// Settings returns what of it may be changed while a daemon runs.
func (c *Config) Settings() status.Settings {
	s := status.Settings{
		Dir: c.Download.Dir, IncompleteDir: c.Download.IncompleteDir, AddStopped: c.Download.AddStopped, DeleteAdded: c.Download.DeleteAdded,
		Preallocate: c.Download.Preallocate, Sequential: c.Download.Sequential,
		DownLimit: c.Limits.Down, UpLimit: c.Limits.Up, AltDown: c.Limits.AltDown, AltUp: c.Limits.AltUp,
		AltSchedule: slices.Clone(c.Limits.AltSchedule), AltScheduled: len(c.Limits.AltSchedule) > 0,
		DownEach: c.Limits.DownEach, UpEach: c.Limits.UpEach, UploadSlots: c.Limits.UploadSlots,
		MaxPeers: c.Network.MaxPeers, MaxPeersEach: c.Network.MaxPeersEachTorrent,
		QueueDownloads: c.Queue.Downloads, QueueSeeds: c.Queue.Seeds, StalledAfter: c.Queue.StalledAfter,
		Ratio: c.Seeding.Ratio, Idle: c.Seeding.Idle, SeedTime: c.Seeding.Time,
		BlocklistURL: c.Blocklist.URL, BlocklistEvery: c.Blocklist.Refresh, PortMapping: c.Network.PortMapping,
		DHT: c.Network.DHT, PEX: c.Network.PEX, LSD: c.Network.LSD, Encryption: c.Network.Encryption,
		HookAdded: slices.Clone(c.Hooks.Added), HookDone: slices.Clone(c.Hooks.Done),
		HookSeeded: slices.Clone(c.Hooks.SeedingDone), HookError: slices.Clone(c.Hooks.Error),
		Roots: slices.Clone(c.RPC.Roots),
	}
	if c.Blocklist.File != "" {
		s.BlocklistURL = c.Blocklist.File
	}
	s.BlocklistOn = s.BlocklistURL != ""
	for _, t := range c.Trackers {
		s.Trackers = append(s.Trackers, []string{t})
	}
	if _, port, err := net.SplitHostPort(c.Network.Listen); err == nil {
		s.Port, _ = strconv.Atoi(port) // looked at by load
	}
	return s
}

// Setting is one key with its value, as `shoal config show` prints it.
type Setting struct {
	Key    *Key
	Value  string // TOML, secrets masked
	Origin string
}

// Show returns every key in the order of the table.
func (c *Config) Show() []Setting {
	list := make([]Setting, len(Keys))
	for i := range Keys {
		k := &Keys[i]
		list[i] = Setting{k, text.Mask(k.print(c)), c.Origin(k.Name)}
	}
	return list
}
