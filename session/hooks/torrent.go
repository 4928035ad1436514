package hooks

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"shoal/internal/text"
	"shoal/metainfo"
)

// Event is what a command is run for. Its words are those of the configuration, and of SHOAL_EVENT.
type Event string

const (
	Added       Event = "added"
	Done        Event = "done"         // everything wanted is there
	SeedingDone Event = "seeding_done" // a goal of its seeding is reached
	Failed      Event = "error"        // an error stopped it
)

// Torrent is what a command is told, in its environment and nowhere else.
type Torrent struct {
	Event      Event
	ID         metainfo.ID
	Number     int    // in the daemon's list; 0 where there is none
	Name       string // on disk: the last element of Path
	Dir        string
	Path       string // of its file, or of the folder that has its files
	Size       int64  // bytes of the files that are wanted
	Files      int    // how many those are
	Downloaded int64  // payload bytes
	Took       time.Duration
	Labels     []string
	Trackers   [][]string // URLs by tier
	Source     string     // where it came from, as the user named it
	Error      string
	Version    string    // ours
	Time       time.Time // of the event
}

// maxValue is the most bytes that a value has: Linux refuses to run a command with one of 128 KiB.
const maxValue = 64 << 10

// Env returns the variables that tell of the torrent, as KEY=value. Those that begin with TR_ are what scripts for Transmission
// expect. What an environment cannot hold, the character NUL, is left out.
func (t Torrent) Env() []string {
	id, got := t.ID.String(), strconv.FormatInt(t.Downloaded, 10)
	labels, trackers := list(t.Labels), list(t.Trackers...)
	number := ""
	if t.Number > 0 {
		number = strconv.Itoa(t.Number)
	}
	var env []string
	for _, v := range []struct{ key, value string }{
		{"SHOAL_EVENT", string(t.Event)},
		{"SHOAL_TORRENT_ID", id}, {"SHOAL_TORRENT_NAME", t.Name}, {"SHOAL_TORRENT_DIR", t.Dir}, {"SHOAL_TORRENT_PATH", t.Path},
		{"SHOAL_TORRENT_SIZE", strconv.FormatInt(t.Size, 10)}, {"SHOAL_TORRENT_FILES", strconv.Itoa(t.Files)},
		{"SHOAL_TORRENT_DOWNLOADED", got}, {"SHOAL_TORRENT_SECONDS", strconv.Itoa(int(t.Took.Seconds()))},
		{"SHOAL_TORRENT_LABELS", labels}, {"SHOAL_TORRENT_TRACKERS", trackers}, {"SHOAL_TORRENT_SOURCE", t.Source},
		{"SHOAL_TORRENT_ERROR", text.Clean(t.Error, 0)}, {"SHOAL_TORRENT_NUMBER", number},
		{"TR_APP_VERSION", t.Version}, {"TR_TIME_LOCALTIME", t.Time.Format(time.ANSIC)},
		{"TR_TORRENT_BYTES_DOWNLOADED", got}, {"TR_TORRENT_DIR", t.Dir}, {"TR_TORRENT_HASH", id}, {"TR_TORRENT_ID", number},
		{"TR_TORRENT_LABELS", labels}, {"TR_TORRENT_NAME", t.Name}, {"TR_TORRENT_TRACKERS", trackers},
	} {
		env = append(env, v.key+"="+bounded(strings.ReplaceAll(v.value, "\x00", "")))
	}
	return env
}

// list joins with commas as many elements as a value can hold.
func list(groups ...[]string) string {
	var b strings.Builder
	for _, g := range groups {
		for _, s := range g {
			if b.Len()+1+len(s) > maxValue {
				return b.String()
			}
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			b.WriteString(s)
		}
	}
	return b.String()
}

// bounded cuts a value between two characters.
func bounded(s string) string {
	if len(s) <= maxValue {
		return s
	}
	n := maxValue
	for n > maxValue-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
