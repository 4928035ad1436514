package status

import (
	"context"
	"errors"
	"slices"
	"time"

	"shoal/metainfo"
)

// What methods of Engine fail with; errors.Is tells them apart wherever the engine is.
var (
	ErrUnknown    = errors.New("no such torrent")
	ErrOutside    = errors.New("outside of the folders that torrents may be put into")
	ErrNoMetadata = errors.New("the files are not known yet")
	ErrNoFile     = errors.New("no such file in the torrent")
	ErrNotOffered = errors.New("not offered by this daemon") // by a daemon of another kind, or by a setting
)

// Engine is a list of torrents that remembers: what a daemon is to those who steer it, in the same process or
// behind a wire. All methods may be called by any goroutine. Those that change something return after the change is
// visible to the others and is remembered, unless they say otherwise.
type Engine interface {
	// Entries returns the torrents that changed after since, in the order of their numbers, all of them for the zero time, and the
	// numbers of those that were removed after since. Entries of unchanged torrents are shared: they may not be written to.
	Entries(ctx context.Context, since time.Time) (list []Entry, gone []int, err error)
	Entry(ctx context.Context, id metainfo.ID) (Entry, error)
	Details(ctx context.Context, id metainfo.ID) (Details, error)
	Files(ctx context.Context, id metainfo.ID) ([]File, error)
	Peers(ctx context.Context, id metainfo.ID) ([]Peer, error)
	Trackers(ctx context.Context, id metainfo.ID) ([]Tracker, error)

	// Add takes a torrent into the list. Of one that is there already it returns the entry, and false.
	Add(ctx context.Context, a NewTorrent) (e Entry, added bool, err error)
	// Start lets a torrent run, when its turn in the queue has come, or at once and beside the queue with now. A goal of its seeding
	// that it has reached already is switched off (GoalNone), so that it seeds on; with now goals do not count.
	Start(ctx context.Context, id metainfo.ID, now bool) error
	Stop(ctx context.Context, id metainfo.ID) error
	// Remove takes a torrent out of the list, and with Removal.Data its files from the disk.
	Remove(ctx context.Context, id metainfo.ID, how Removal) error
	// Restore undoes a removal whose Removal.Undo is not over.
	Restore(ctx context.Context, id metainfo.ID) error
	// Verify hashes everything anew; it returns when that has begun.
	Verify(ctx context.Context, id metainfo.ID) error
	// Announce asks the trackers and the DHT now, as far as they allow that.
	Announce(ctx context.Context, id metainfo.ID) error
	// Move makes dir the folder of a torrent and, with data, moves its files there: it returns when that has begun, and Entry.Err
	// tells if it fails. Without data the files are looked for in dir.
	Move(ctx context.Context, id metainfo.ID, dir string, data bool) error
	// Rename gives the file or folder at path, as Files shows it, the last element name.
	Rename(ctx context.Context, id metainfo.ID, path, name string) error
	Change(ctx context.Context, id metainfo.ID, c Change) error
	// Queue moves torrents within the queue, keeping the order that they have among themselves.
	Queue(ctx context.Context, ids []metainfo.ID, to QueueMove) error

	Settings(ctx context.Context) (Settings, error)
	// Set replaces all settings. Which of them only the next start heeds is said where they are declared.
	Set(ctx context.Context, s Settings) error
	Stats(ctx context.Context) (Stats, error)
	Totals(ctx context.Context) (Totals, error)
	// Rates returns what moved in each of the last steps, the newest one last: of a torrent 60 of 5 s, of all together, which the zero
	// ID stands for, 300 of a second. There are fewer while the daemon is younger, and none of a torrent that moved nothing for so long.
	Rates(ctx context.Context, id metainfo.ID) (list []Rate, step time.Duration, err error)
	// Space returns the free and the total bytes where dir is or would be.
	Space(ctx context.Context, dir string) (free, total int64, err error)
	// UpdateBlocklist fetches the blocklist anew and returns how many rules it has.
	UpdateBlocklist(ctx context.Context) (rules int, err error)
	// Log returns the last lines of the log with a serial number above after, at most 1,000.
	Log(ctx context.Context, after int64) ([]LogLine, error)
	// Shutdown begins the end of the daemon and returns.
	Shutdown(ctx context.Context) error
}

// NewTorrent is a torrent to be added. Exactly one of Metainfo and Source is given.
type NewTorrent struct {
	Metainfo []byte // the bytes of a .torrent file
	Source   string // a magnet link, an info hash, the URL of a .torrent file, or with Local the path of one
	// Local allows Source to be a path on the daemon's machine.
	Local   bool
	Cookies string // for fetching Source, as in the header of that name
	// Dir is the folder, absolute; "" for the one of the settings.
	Dir     string
	Stopped bool
	First   bool // at the head of the queue
	Change       // what else differs from the defaults
}

// Change says what is to be different about a torrent: nil leaves things as they are.
type Change struct {
	Labels *[]string
	// DownLimit and UpLimit are bytes a second, 0 for none; Exempt is whether the limits of all torrents together do not count.
	DownLimit, UpLimit *int64
	Exempt             *bool
	MaxPeers           *int  // connections, 0 for the default
	Priority           *int8 // -1, 0 or 1: against other torrents
	Sequential         *bool
	Ratio              *Goal[float64]
	Idle               *Goal[time.Duration]
	SeedTime           *Goal[time.Duration]
	Trackers           *[][]string   // URLs by tier
	Files              map[int]uint8 // by index in Files: 0 unwanted, 1 low, 2 normal, 3 high
	QueuePosition      *int          // counted from 0
	Group              *string
}

// GoalMode says which goal a torrent has for its seeding.
type GoalMode uint8

const (
	GoalDefault GoalMode = iota // that of the settings
	GoalOwn                     // its own
	GoalNone                    // none: it seeds on
)

// Goal is one goal of a torrent's seeding.
type Goal[T any] struct {
	Mode  GoalMode
	Value T // with GoalOwn
}

// Removal says how a torrent is removed.
type Removal struct {
	Data bool // delete its files too
	// Undo holds the torrent back for so long, stopped and out of the list, before anything is deleted. At most a minute.
	Undo time.Duration
}

// QueueMove is where torrents go in the queue.
type QueueMove uint8

const (
	QueueTop QueueMove = iota
	QueueUp
	QueueDown
	QueueBottom
)

// Entry is one torrent of an Engine's list. What is embedded is the running engine's word, or for a torrent that does not run what
// is remembered of it.
type Entry struct {
	Torrent
	Number  int  // fixed until the daemon ends; the first is 1
	Stopped bool // by the user, a goal or an error, until started: over restarts too
	// Waiting says that it may run, but that the queue lets others go first. It is not Stopped then.
	Waiting bool
	// Verifying says that a check waits for its turn.
	Verifying     bool
	Stalled       bool // running, but no byte of payload came or went for the time of Settings.StalledAfter
	GoalReached   bool // stopped by a goal of its seeding
	QueuePosition int  // counted from 0

	Labels             []string // sorted
	Group              string
	DownLimit, UpLimit int64 // bytes a second, 0 for none
	Exempt             bool
	MaxPeers           int // 0 for the default
	Priority           int8
	Sequential         bool
	Ratio              Goal[float64]
	Idle, SeedTime     Goal[time.Duration]

	Files int
	// Started and Changed are when it last began to run, and when anything about it last changed (see Engine.Entries); zero for
	// never. Active, which is embedded, is that of all runs here.
	Started, Changed time.Time
	// Downloading and Seeding are how long it did that, in all runs.
	Downloading, Seeding time.Duration
	// TorrentFile is where the daemon keeps its .torrent file, "" for a magnet link without metadata.
	TorrentFile string
	// Trackers are its URLs by tier, for lists that show no more of them.
	Trackers [][]string
	// Comment, Creator, Created and Source are of the .torrent file: foreign text.
	Comment, Creator string
	Created          time.Time
}

// Magnet is the torrent's magnet link, with its trackers.
func (e *Entry) Magnet() string {
	m := metainfo.Magnet{ID: e.ID, Name: e.Name, Length: e.Size, Trackers: slices.Concat(e.Trackers...)}
	if m.Name == e.ID.String() { // one that is not known yet goes by its hash
		m.Name = ""
	}
	return m.String()
}

// Sources counts peers by how they were found.
type Sources struct{ Tracker, DHT, PEX, Local, Incoming, User int }

// Details are what only a view of one torrent needs.
type Details struct {
	Have         metainfo.Bitfield // verified pieces
	Availability []uint16          // how many connected peers have each piece; nil while it does not run
	WebSeeds     []string
}

// Totals are sums over a daemon's life.
type Totals struct {
	// Down and Up are payload bytes, Added torrents, Starts daemons and Active the time that they ran: in this run, and in all.
	Now, Ever Sum
	// Running and Stopped count torrents.
	Running, Stopped int
}

// Sum is one column of Totals.
type Sum struct {
	Down, Up      int64
	Added, Starts int
	Active        time.Duration
}

// Rate is how much payload came and went: bytes a second, on average over a step of time.
type Rate struct{ Down, Up int64 }

// LogLine is one line of the daemon's log, with secrets masked. Text is foreign: clean before showing.
type LogLine struct {
	Serial  int64
	Time    time.Time
	Level   string // debug, info, warn or error
	Torrent metainfo.ID
	Text    string
}

// Settings are what may be changed while a daemon runs. Rates are bytes a second. A line ending in "start" is heeded by the next
// start only.
type Settings struct {
	Dir           string // where torrents go that name no folder; absolute
	IncompleteDir string // where they are until they are complete; "" for Dir
	AddStopped    bool   // torrents are added stopped
	DeleteAdded   bool   // a .torrent file given as a path is deleted once it is added
	Preallocate   bool
	Sequential    bool // torrents are added so

	DownLimit, UpLimit       int64 // 0 for none
	AltDown, AltUp           int64 // instead of them while AltOn, 0 for none
	AltOn                    bool
	AltSchedule              []Window // AltOn follows it where it is not empty
	AltScheduled             bool
	DownEach, UpEach         int64 // for each torrent, 0 for none
	MaxPeers, MaxPeersEach   int
	UploadSlots              int // 0 chooses by rate
	QueueDownloads           int // how many may download at a time, 0 for all
	QueueSeeds               int
	StalledAfter             time.Duration // stalled torrents do not count in the queue; 0: they do
	Ratio                    float64       // goal of seeding; 0 for none
	Idle, SeedTime           time.Duration // the same; 0 for none
	Trackers                 [][]string    // asked for every torrent that is not private
	BlocklistURL             string        // or a path; "" for none
	BlocklistOn              bool
	BlocklistEvery           time.Duration // how often it is read anew, 0 for at the start and when asked to; read-only
	Port                     int           // start
	PortMapping              bool          // start
	DHT, PEX, LSD            bool          // start
	Encryption               string        // prefer, require or off; start
	HookAdded, HookDone      []string
	HookSeeded, HookError    []string // argv each; read-only: Engine.Set keeps what is configured
	Rules                    int      // of the blocklist in force; read-only
	Roots                    []string // torrents may be put below these only, none: anywhere; read-only
	Version, ConfigDir, Kind string   // of the daemon, read-only. Kind is "shoal", or the name of another program
}

// Limits are the limits of all torrents together that are in force, bytes a second, 0 for none.
func (s *Settings) Limits() (down, up int64) {
	if s.AltOn {
		return s.AltDown, s.AltUp
	}
	return s.DownLimit, s.UpLimit
}

// Window is a stretch of the week in local time.
type Window struct {
	Days     uint8         // bit 0 is Sunday
	From, To time.Duration // since midnight; To before From goes on into the next day
}
