package config

import (
	"strings"
	"time"

	"shoal/tui/theme"
)

// Key is one key of the file. Everything that tells people or programs about keys comes from this table.
type Key struct {
	Name    string // "section.key"
	Kind    Kind
	Default any // as TOML has it: string, bool, int64, float64 or []any
	Says    string
	Choices []string // of kind Choice
	// Min and Max bound numbers, rates in bytes a second, durations in nanoseconds; Max 0 means no bound.
	Min, Max int64
	// Flag is the flag of commands that means the same, with Negated the opposite; "" for none.
	Flag    string
	Negated bool
	// Optional means that an empty address is one: none.
	Optional bool
	Live     bool              // a reload heeds it; else the next start
	at       func(*Config) any // points at its value
}

// Kind is what values a key takes.
type Kind uint8

// The kinds.
const (
	Bool      Kind = iota
	Int            // a whole number
	Float          // a number
	Rate           // bytes a second
	Duration       // a time
	Text           // any string
	Path           // of a file or folder
	Choice         // one of several words
	Address        // HOST:PORT
	Texts          // a list of strings
	Paths          // a list of paths
	URLs           // a list of URLs of trackers
	Addresses      // a list of HOST:PORT
	Command        // a program and its arguments
	Windows        // a list of stretches of the week
	KeyMap         // actions of the terminal UI and their keys
	Theme          // the name or the file of a theme
	Views          // saved views of the terminal UI
)

// kindWords says what is allowed, with an example.
var kindWords = [...]string{
	Bool: "true or false", Int: "a whole number", Float: "a number", Rate: `bytes a second, like "2MB", "500KiB" or 1000000; 0 for no limit`,
	Duration: `a time like "90s", "30m", "12h" or "7d"; 0 for none`, Text: "a string", Path: `a path like "~/Downloads"`, Choice: "one of the words",
	Address: `"HOST:PORT" or ":PORT"`, Texts: `a list of strings like ["a", "b"]`, Paths: `a list of paths like ["~/torrents"]`,
	URLs: `a list of http, https or udp URLs`, Addresses: `a list of "HOST:PORT"`, Command: `a program and its arguments like ["notify-send", "done"]`,
	Windows: `a list like ["mon-fri 08:00-18:00", "sat 22:00-06:00"]`,
	KeyMap:  `a table [tui.keys] with lines like pause = ["x", "ctrl-p"]`,
	Theme:   `"` + strings.Join(theme.Names(), `", "`) + `", or the path of a theme file like "~/.config/shoal/mine.toml"`,
	Views:   `a table [tui.views] with lines like big = {filter = "size>10GB", sort = "-ratio"}`,
}

// Section and Short are the two halves of the name.
func (k *Key) Section() string { s, _, _ := strings.Cut(k.Name, "."); return s }

// Short is the name within the section.
func (k *Key) Short() string { _, s, _ := strings.Cut(k.Name, "."); return s }

// Variable is the environment variable that has the key's value; of a key with a flag, that of the flag.
func (k *Key) Variable() string {
	name := k.Flag
	if name == "" {
		name = k.Name
	}
	return "SHOAL_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))
}

// Allowed says which values the key takes.
func (k *Key) Allowed() string {
	words := kindWords[k.Kind]
	if k.Kind == Choice {
		words = `"` + strings.Join(k.Choices, `", "`) + `"`
	}
	if k.Max > 0 {
		words += ", from " + k.number(k.Min) + " to " + k.number(k.Max)
	}
	return words
}

// Find returns the key of that name, nil for none.
func Find(name string) *Key {
	for i := range Keys {
		if Keys[i].Name == name {
			return &Keys[i]
		}
	}
	return nil
}

// ForFlag returns the key that means the same as a flag, or its opposite; nil for none.
func ForFlag(flag string) *Key {
	for i := range Keys {
		if flag != "" && Keys[i].Flag == flag {
			return &Keys[i]
		}
	}
	return nil
}

// sections are the sections of the file in order, with a sentence for each.
var sections = []struct{ name, says string }{
	{"download", "Where torrents go."},
	{"network", "How peers are found and met."},
	{"limits", "Rates, in bytes a second."},
	{"queue", "How many torrents of a daemon run at a time."},
	{"seeding", "Goals that end the seeding of a daemon's torrents."},
	{"rpc", "How a daemon is steered."},
	{"watch", "Folders that a daemon takes torrents from."},
	{"trackers", "Trackers beside those of the torrents."},
	{"blocklist", "Addresses that a daemon has nothing to do with."},
	{"hooks", "Programs that a daemon runs. No shell looks at them; what they need to know is in their environment (SHOAL_TORRENT_*)."},
	{"tui", "How `shoal tui` looks, and its keys. The actions and their keys are in its help (?)."},
	{"log", "What is logged, and where."},
}

const (
	second = int64(time.Second)
	year   = 365 * 24 * 3600 * second
	// maxRate is beyond what any link carries, and far from what overflows.
	maxRate = 1e12
)

// Keys is the table.
var Keys = []Key{
	{Name: "download.dir", Kind: Path, Default: "~/Downloads", Live: true, Flag: "download-dir", Says: "The folder of torrents that name none; get and seed use the current folder instead.", at: func(c *Config) any { return &c.Download.Dir }},
	{Name: "download.incomplete_dir", Kind: Path, Default: "", Live: true, Says: "Where torrents are until they are complete; empty for the same folder.", at: func(c *Config) any { return &c.Download.IncompleteDir }},
	{Name: "download.preallocate", Kind: Bool, Default: false, Live: true, Flag: "preallocate", Says: "Reserve the disk space at the start.", at: func(c *Config) any { return &c.Download.Preallocate }},
	{Name: "download.sequential", Kind: Bool, Default: false, Live: true, Flag: "sequential", Says: "Download from the beginning to the end.", at: func(c *Config) any { return &c.Download.Sequential }},
	{Name: "download.add_stopped", Kind: Bool, Default: false, Live: true, Says: "Torrents that are added wait until they are started.", at: func(c *Config) any { return &c.Download.AddStopped }},
	{Name: "download.delete_added", Kind: Bool, Default: false, Live: true, Says: "Delete a .torrent file that was given as a path once it is added.", at: func(c *Config) any { return &c.Download.DeleteAdded }},

	{Name: "network.listen", Kind: Address, Default: ":6881", Flag: "listen", Says: "Where peers are accepted, and the host to dial from.", at: func(c *Config) any { return &c.Network.Listen }},
	{Name: "network.dht", Kind: Bool, Default: true, Flag: "no-dht", Negated: true, Says: "Find peers through the distributed hash table.", at: func(c *Config) any { return &c.Network.DHT }},
	{Name: "network.pex", Kind: Bool, Default: true, Flag: "no-pex", Negated: true, Says: "Exchange addresses with peers.", at: func(c *Config) any { return &c.Network.PEX }},
	{Name: "network.lsd", Kind: Bool, Default: true, Flag: "no-lsd", Negated: true, Says: "Look for peers in the local network.", at: func(c *Config) any { return &c.Network.LSD }},
	{Name: "network.port_mapping", Kind: Bool, Default: true, Flag: "no-portmap", Negated: true, Says: "Ask the router to let connections through.", at: func(c *Config) any { return &c.Network.PortMapping }},
	{Name: "network.dht_read_only", Kind: Bool, Default: false, Flag: "dht-read-only", Says: "Ask the DHT, but answer nobody there and announce nothing.", at: func(c *Config) any { return &c.Network.DHTReadOnly }},
	{Name: "network.bootstrap", Kind: Addresses, Default: []any{}, Flag: "bootstrap", Says: "Enter the DHT through these nodes, and not through public ones.", at: func(c *Config) any { return &c.Network.Bootstrap }},
	{Name: "network.encryption", Kind: Choice, Choices: []string{"prefer", "require", "off"}, Default: "prefer", Flag: "encryption", Says: "Whether connections with peers are encrypted.", at: func(c *Config) any { return &c.Network.Encryption }},
	{Name: "network.max_peers", Kind: Int, Default: int64(500), Min: 1, Max: 100000, Live: true, Says: "Connections of all torrents of a daemon together.", at: func(c *Config) any { return &c.Network.MaxPeers }},
	{Name: "network.max_peers_per_torrent", Kind: Int, Default: int64(100), Max: 100000, Live: true, Flag: "max-peers", Says: "Connections of one torrent; 0 for the default.", at: func(c *Config) any { return &c.Network.MaxPeersEachTorrent }},

	{Name: "limits.down", Kind: Rate, Default: int64(0), Max: maxRate, Live: true, Flag: "limit-down", Says: "Receive at most this.", at: func(c *Config) any { return &c.Limits.Down }},
	{Name: "limits.up", Kind: Rate, Default: int64(0), Max: maxRate, Live: true, Flag: "limit-up", Says: "Send at most this.", at: func(c *Config) any { return &c.Limits.Up }},
	{Name: "limits.alt_down", Kind: Rate, Default: int64(0), Max: maxRate, Live: true, Says: "Receive at most this while the alternative limits are on.", at: func(c *Config) any { return &c.Limits.AltDown }},
	{Name: "limits.alt_up", Kind: Rate, Default: int64(0), Max: maxRate, Live: true, Says: "Send at most this while the alternative limits are on.", at: func(c *Config) any { return &c.Limits.AltUp }},
	{Name: "limits.alt_schedule", Kind: Windows, Default: []any{}, Live: true, Says: "When the alternative limits are on, in local time.", at: func(c *Config) any { return &c.Limits.AltSchedule }},
	{Name: "limits.per_torrent_down", Kind: Rate, Default: int64(0), Max: maxRate, Live: true, Flag: "limit-down-each", Says: "Receive at most this for each torrent.", at: func(c *Config) any { return &c.Limits.DownEach }},
	{Name: "limits.per_torrent_up", Kind: Rate, Default: int64(0), Max: maxRate, Live: true, Flag: "limit-up-each", Says: "Send at most this for each torrent.", at: func(c *Config) any { return &c.Limits.UpEach }},
	{Name: "limits.upload_slots", Kind: Int, Default: int64(0), Max: 10000, Live: true, Flag: "upload-slots", Says: "Upload to so many peers at once; 0 chooses by rate.", at: func(c *Config) any { return &c.Limits.UploadSlots }},

	{Name: "queue.downloads", Kind: Int, Default: int64(5), Max: 1000000, Live: true, Says: "Torrents that download at a time; 0 for all.", at: func(c *Config) any { return &c.Queue.Downloads }},
	{Name: "queue.seeds", Kind: Int, Default: int64(0), Max: 1000000, Live: true, Says: "Torrents that seed at a time; 0 for all.", at: func(c *Config) any { return &c.Queue.Seeds }},
	{Name: "queue.stalled_after", Kind: Duration, Default: "30m", Max: year, Live: true, Says: "A torrent without traffic for so long lets others go first; 0 for never.", at: func(c *Config) any { return &c.Queue.StalledAfter }},

	{Name: "seeding.ratio", Kind: Float, Default: int64(0), Max: 1000000, Live: true, Says: "Stop when so many times its size was sent; 0 for never.", at: func(c *Config) any { return &c.Seeding.Ratio }},
	{Name: "seeding.time", Kind: Duration, Default: int64(0), Max: 100 * year, Live: true, Says: "Stop when it has seeded for so long; 0 for never.", at: func(c *Config) any { return &c.Seeding.Time }},
	{Name: "seeding.idle", Kind: Duration, Default: int64(0), Max: 100 * year, Live: true, Says: "Stop when nobody took anything for so long; 0 for never.", at: func(c *Config) any { return &c.Seeding.Idle }},

	{Name: "rpc.listen", Kind: Address, Default: "127.0.0.1:9091", Optional: true, Flag: "rpc", Says: "Take commands over HTTP here, from those who know the password; empty for not at all.", at: func(c *Config) any { return &c.RPC.Listen }},
	{Name: "rpc.unix_socket", Kind: Path, Default: "auto", Flag: "rpc-socket", Says: "Take commands of this user on this socket; auto for the usual place, empty for not at all.", at: func(c *Config) any { return &c.RPC.UnixSocket }},
	{Name: "rpc.user", Kind: Text, Default: "", Flag: "rpc-user", Says: "The name that goes with the password.", at: func(c *Config) any { return &c.RPC.User }},
	{Name: "rpc.password_file", Kind: Path, Default: "", Flag: "rpc-password-file", Says: "The file with the password, or its hash, in its first line; without one the first start makes a password and keeps it in the state folder.", at: func(c *Config) any { return &c.RPC.PasswordFile }},
	{Name: "rpc.allow_hosts", Kind: Texts, Default: []any{}, Says: "Names that a browser may call the daemon by, beside its addresses.", at: func(c *Config) any { return &c.RPC.AllowHosts }},
	{Name: "rpc.tls_cert", Kind: Path, Default: "", Says: "The certificate for HTTPS, with tls_key.", at: func(c *Config) any { return &c.RPC.TLSCert }},
	{Name: "rpc.tls_key", Kind: Path, Default: "", Says: "The certificate's key.", at: func(c *Config) any { return &c.RPC.TLSKey }},
	{Name: "rpc.roots", Kind: Paths, Default: []any{}, Says: "Torrents may be put below these folders only; empty for anywhere.", at: func(c *Config) any { return &c.RPC.Roots }},
	{Name: "rpc.pprof", Kind: Bool, Default: false, Says: "Offer Go's profiles, for development.", at: func(c *Config) any { return &c.RPC.Pprof }},

	{Name: "watch.dirs", Kind: Paths, Default: []any{}, Flag: "watch", Says: "Folders whose .torrent and .magnet files are added.", at: func(c *Config) any { return &c.Watch.Dirs }},
	{Name: "watch.after", Kind: Choice, Choices: []string{"rename", "delete"}, Default: "rename", Says: "What becomes of a file that was added: .added is appended to its name, or it is deleted.", at: func(c *Config) any { return &c.Watch.After }},

	{Name: "trackers.default", Kind: URLs, Default: []any{}, Live: true, Says: "Asked for every torrent that is not private.", at: func(c *Config) any { return &c.Trackers }},

	{Name: "blocklist.url", Kind: Text, Default: "", Live: true, Says: "Fetch the list from here: P2P, DAT or CIDR, plain or gzipped.", at: func(c *Config) any { return &c.Blocklist.URL }},
	{Name: "blocklist.file", Kind: Path, Default: "", Live: true, Says: "Read the list from this file instead.", at: func(c *Config) any { return &c.Blocklist.File }},
	{Name: "blocklist.refresh", Kind: Duration, Default: "24h", Max: year, Live: true, Says: "How often it is read anew, beside the start; 0 for only when asked to.", at: func(c *Config) any { return &c.Blocklist.Refresh }},

	{Name: "hooks.added", Kind: Command, Default: []any{}, Live: true, Says: "Run when a torrent was added.", at: func(c *Config) any { return &c.Hooks.Added }},
	{Name: "hooks.done", Kind: Command, Default: []any{}, Live: true, Says: "Run when a torrent is complete.", at: func(c *Config) any { return &c.Hooks.Done }},
	{Name: "hooks.seeding_done", Kind: Command, Default: []any{}, Live: true, Says: "Run when a goal has ended its seeding.", at: func(c *Config) any { return &c.Hooks.SeedingDone }},
	{Name: "hooks.error", Kind: Command, Default: []any{}, Live: true, Says: "Run when a torrent has failed.", at: func(c *Config) any { return &c.Hooks.Error }},

	{Name: "tui.theme", Kind: Theme, Default: theme.Names()[0], Flag: "theme", Says: "The theme.", at: func(c *Config) any { return &c.TUI.Theme }},
	{Name: "tui.glyphs", Kind: Choice, Choices: []string{"auto", "braille", "block", "ascii"}, Default: "auto", Flag: "glyphs", Says: "What it draws with: block is for fonts without braille, auto goes by the locale and the terminal.", at: func(c *Config) any { return &c.TUI.Glyphs }},
	{Name: "tui.mouse", Kind: Bool, Default: true, Flag: "no-mouse", Negated: true, Says: "Heed the mouse; without it the terminal selects text.", at: func(c *Config) any { return &c.TUI.Mouse }},
	{Name: "tui.color", Kind: Choice, Choices: []string{"auto", "always", "never"}, Default: "auto", Says: "Whether there are colours, as --color says.", at: func(c *Config) any { return &c.TUI.Color }},
	{Name: "tui.keys", Kind: KeyMap, Default: map[string]any{}, Says: "Other keys for some actions; an empty list takes them away.", at: func(c *Config) any { return &c.TUI.Keys }},
	{Name: "tui.views", Kind: Views, Default: map[string]any{}, Says: "Views that stand below the orders to sort by, each with a filter as `shoal list --filter` takes it, an order, or both. An order has the smaller ones first, with - before it the larger ones.", at: func(c *Config) any { return &c.TUI.Views }},

	{Name: "log.level", Kind: Choice, Choices: []string{"auto", "warn", "info", "debug"}, Default: "auto", Says: "How much is logged; auto is warn for get and seed, and info for a daemon and for a log file.", at: func(c *Config) any { return &c.Log.Level }},
	{Name: "log.format", Kind: Choice, Choices: []string{"text", "json"}, Default: "text", Flag: "log-format", Says: "How a line of the log looks.", at: func(c *Config) any { return &c.Log.Format }},
	{Name: "log.file", Kind: Path, Default: "", Flag: "log-file", Says: "Append the log to this file; empty for standard error.", at: func(c *Config) any { return &c.Log.File }},
}
