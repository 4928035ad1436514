package library

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"shoal/internal/bencode"
	"shoal/metainfo"
	"shoal/session/state"
	"shoal/status"
)

// An entry on disk is sealed as a resume record is (state.Seal).
const magic = "shoal entry\n"

// version grows when an older program could misread an entry. Keys that may be ignored do not change it.
const version = 1

// maxEntry bounds an entry in bytes: priorities of 2^20 files, names, trackers.
const maxEntry = 16 << 20

var limits = bencode.Limits{Bytes: maxEntry, Depth: 5, Items: 1 << 20}

// wire is the bencoded form of an entry. Absent is zero.
type wire struct {
	Active      int64      `bencode:"active,omitempty"`
	Added       int64      `bencode:"added,omitempty"`
	Corrupt     int64      `bencode:"corrupt,omitempty"`
	Comment     string     `bencode:"comment,omitempty"`
	Created     int64      `bencode:"created,omitempty"`
	Creator     string     `bencode:"creator,omitempty"`
	Dir         string     `bencode:"dir"`
	Down        int64      `bencode:"down,omitempty"`
	DownLimit   int64      `bencode:"down limit,omitempty"`
	Downloading int64      `bencode:"downloading,omitempty"`
	Err         string     `bencode:"err,omitempty"`
	Exempt      int64      `bencode:"exempt,omitempty"`
	Files       int64      `bencode:"files,omitempty"`
	Final       string     `bencode:"final,omitempty"`
	Finished    int64      `bencode:"finished,omitempty"`
	Flags       int64      `bencode:"flags,omitempty"`
	Group       string     `bencode:"group,omitempty"`
	Have        int64      `bencode:"have,omitempty"`
	Idle        []int64    `bencode:"idle,omitempty"` // a goal: mode and nanoseconds
	Labels      []string   `bencode:"labels,omitempty"`
	Link        string     `bencode:"link,omitempty"`
	MaxPeers    int64      `bencode:"max peers,omitempty"`
	Name        string     `bencode:"name"`
	Named       []int64    `bencode:"named,omitempty"` // indexes of files, and
	Names       []string   `bencode:"names,omitempty"` // their paths
	Peers       []string   `bencode:"peers,omitempty"`
	PieceSize   int64      `bencode:"piece size,omitempty"`
	Pieces      int64      `bencode:"pieces,omitempty"`
	PiecesHave  int64      `bencode:"pieces have,omitempty"`
	Priorities  []byte     `bencode:"priorities,omitempty"`
	Priority    int64      `bencode:"priority,omitempty"`
	Rank        int64      `bencode:"rank"`
	Ratio       []int64    `bencode:"ratio,omitempty"` // a goal: mode and millionths
	SeedTime    []int64    `bencode:"seed time,omitempty"`
	Seeding     int64      `bencode:"seeding,omitempty"`
	Sequential  int64      `bencode:"sequential,omitempty"`
	Serial      int64      `bencode:"serial"`
	Size        int64      `bencode:"size,omitempty"`
	Started     int64      `bencode:"started,omitempty"`
	Trackers    [][]string `bencode:"trackers,omitempty"`
	Up          int64      `bencode:"up,omitempty"`
	UpLimit     int64      `bencode:"up limit,omitempty"`
	V1          []byte     `bencode:"v1,omitempty"`
	V2          []byte     `bencode:"v2,omitempty"`
	Version     int64      `bencode:"version"`
	Wanted      int64      `bencode:"wanted,omitempty"`
	Wasted      int64      `bencode:"wasted,omitempty"`
}

// encode returns an entry as it goes to disk. Equal entries give equal bytes.
func (k *kept) encode() ([]byte, error) {
	w := k.wire()
	body, err := bencode.Marshal(&w)
	if err != nil {
		return nil, fmt.Errorf("encode the entry of %v: %w", k.id, err)
	}
	return state.Seal(magic, body), nil
}

func (k *kept) wire() wire {
	o := k.options()
	w := wire{
		Active: k.active, Added: k.added, Corrupt: k.corrupt, Comment: k.comment, Created: k.created, Creator: k.creator, Dir: k.dir, Down: k.down, DownLimit: o.downLimit,
		Downloading: int64(k.downloading), Err: k.err, Exempt: number(o.exempt), Files: int64(k.files), Final: k.final,
		Finished: k.finished, Flags: int64(k.flags), Group: o.group, Have: k.have, Idle: goal(o.idle.Mode, int64(o.idle.Value)),
		Labels: o.labels, Link: k.link, MaxPeers: int64(o.maxPeers), Name: k.name, Peers: o.peers, PieceSize: int64(k.pieceSize), Pieces: int64(k.pieces),
		PiecesHave: int64(k.piecesHave), Priorities: o.priorities, Priority: int64(o.priority), Rank: k.rank,
		Ratio: goal(o.ratio.Mode, millionths(o.ratio.Value)), SeedTime: goal(o.seedTime.Mode, int64(o.seedTime.Value)),
		Seeding: int64(k.seeding), Sequential: number(o.sequential), Serial: k.serial, Size: k.size, Started: k.started,
		Trackers: k.trackers, Up: k.up, UpLimit: o.upLimit, Version: version, Wanted: k.wanted, Wasted: k.wasted,
	}
	for _, i := range slices.Sorted(maps.Keys(o.names)) {
		w.Named, w.Names = append(w.Named, int64(i)), append(w.Names, o.names[i])
	}
	if k.id.HasV1() {
		w.V1 = k.id.V1[:]
	}
	if k.id.HasV2() {
		w.V2 = k.id.V2[:]
	}
	return w
}

// decode is the inverse of encode. An entry that was cut, changed or written by a newer version is an error that wraps
// state.ErrDamaged.
func decode(b []byte) (*kept, error) {
	body, err := state.Unseal(magic, b)
	if err != nil {
		return nil, err
	}
	var w wire
	if err := bencode.Unmarshal(body, limits, &w); err != nil {
		return nil, fmt.Errorf("%w: %w", state.ErrDamaged, err)
	}
	if w.Version < 1 || w.Version > version {
		return nil, fmt.Errorf("%w: it is of version %d, this program knows %d", state.ErrDamaged, w.Version, version)
	}
	return w.kept()
}

func (w *wire) kept() (*kept, error) {
	k := &kept{
		serial: w.Serial, name: w.Name, link: w.Link, dir: w.Dir, final: w.Final, err: w.Err, rank: w.Rank, flags: flags(w.Flags),
		added: w.Added, finished: w.Finished, started: w.Started, active: w.Active, comment: w.Comment, creator: w.Creator, created: w.Created,
		downloading: time.Duration(max(w.Downloading, 0)), seeding: time.Duration(max(w.Seeding, 0)),
		size: max(w.Size, 0), wanted: max(w.Wanted, 0), have: max(w.Have, 0), files: small(w.Files),
		pieces: small(w.Pieces), piecesHave: small(w.PiecesHave), pieceSize: small(w.PieceSize),
		down: max(w.Down, 0), up: max(w.Up, 0), wasted: max(w.Wasted, 0), corrupt: max(w.Corrupt, 0), trackers: w.Trackers,
	}
	if len(w.V1) != 0 && copy(k.id.V1[:], w.V1) != len(w.V1) || len(w.V2) != 0 && copy(k.id.V2[:], w.V2) != len(w.V2) || k.id == (metainfo.ID{}) {
		return nil, fmt.Errorf("%w: info hash has a wrong length", state.ErrDamaged)
	}
	o := options{
		labels: w.Labels, group: w.Group, downLimit: max(w.DownLimit, 0), upLimit: max(w.UpLimit, 0), exempt: w.Exempt != 0,
		maxPeers: small(w.MaxPeers), priority: int8(min(max(w.Priority, -1), 1)), sequential: w.Sequential != 0,
		priorities: w.Priorities, peers: w.Peers,
	}
	m, v := ungoal(w.Ratio)
	o.ratio = status.Goal[float64]{Mode: m, Value: float64(v) / 1e6}
	m, v = ungoal(w.Idle)
	o.idle = status.Goal[time.Duration]{Mode: m, Value: time.Duration(v)}
	m, v = ungoal(w.SeedTime)
	o.seedTime = status.Goal[time.Duration]{Mode: m, Value: time.Duration(v)}
	if len(w.Named) != len(w.Names) {
		return nil, fmt.Errorf("%w: %d names of %d files", state.ErrDamaged, len(w.Names), len(w.Named))
	}
	for n, i := range w.Named {
		if o.names == nil {
			o.names = map[int]string{}
		}
		o.names[small(i)] = w.Names[n]
	}
	k.setOptions(o)
	return k, nil
}

// setOptions replaces the options: none are kept that say nothing.
func (k *kept) setOptions(o options) {
	if k.opt = &o; o.plain() {
		k.opt = nil
	}
}

// plain reports whether nothing is special.
func (o *options) plain() bool {
	return len(o.labels) == 0 && o.group == "" && o.downLimit == 0 && o.upLimit == 0 && !o.exempt && o.maxPeers == 0 && o.priority == 0 &&
		!o.sequential && o.ratio.Mode == 0 && o.idle.Mode == 0 && o.seedTime.Mode == 0 && o.priorities == nil && o.names == nil && o.peers == nil
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// small cuts what must be a count to what one can be.
func small(n int64) int { return int(min(max(n, 0), math.MaxInt32)) }

func millionths(f float64) int64 { return int64(math.Round(min(max(f, 0), 1e9) * 1e6)) }

func goal(m status.GoalMode, v int64) []int64 {
	if m == status.GoalDefault {
		return nil
	}
	return []int64{int64(m), v}
}

func ungoal(w []int64) (status.GoalMode, int64) {
	if len(w) != 2 || w[0] < 0 || w[0] > int64(status.GoalNone) || w[1] < 0 {
		return status.GoalDefault, 0
	}
	return status.GoalMode(w[0]), w[1]
}
