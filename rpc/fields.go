package rpc

import (
	"math"
	"time"

	"shoal/status"
)

// needs says what must be asked of the engine, besides the entry, before a field can be written.
type needs uint8

const (
	needFiles needs = 1 << iota
	needPeers
	needTrackers
	needDetails
	needSpace
	needSettings
)

// view is what one torrent's fields are written from. What no field asked for is missing.
type view struct {
	e        *status.Entry
	details  status.Details
	files    []status.File
	peers    []status.Peer
	trackers []status.Tracker
	ids      *trackerIDs
	maxPeers int  // of a torrent without a limit of its own
	old      bool // dialect
	now      time.Time
}

// field is one name of the protocol that is read: of a torrent (T is view), of the settings (session), or of an
// object inside of these.
type field[T any] struct {
	// name is the canonical name: that of JSON-RPC 2.0, in snake_case.
	name string
	// old is the spelling in the old dialect; set at start by spell where the table leaves it out.
	old   string
	needs needs
	doc   string
	// write appends the value as JSON, in the dialect of T.
	write func(b []byte, v *T) []byte
}

// spelled fills in the old spellings that the table leaves out.
func spelled[T any](list []field[T], old func(string) string) []field[T] {
	for i := range list {
		if list[i].old == "" {
			list[i].old = old(list[i].name)
		}
	}
	return list
}

// byName indexes a table by folded names.
func byName[T any](list []field[T]) map[string]*field[T] {
	m := make(map[string]*field[T], 2*len(list))
	for i := range list {
		m[fold(list[i].name)] = &list[i]
		m[fold(list[i].old)] = &list[i]
	}
	return m
}

// appendObject appends all fields of a table.
func appendObject[T any](b []byte, list []field[T], v *T, old bool) []byte {
	b = append(b, '{')
	for i := range list {
		f := &list[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		if old {
			b = append(b, f.old...)
		} else {
			b = append(b, f.name...)
		}
		b = f.write(append(b, '"', ':'), v)
	}
	return append(b, '}')
}

// The values of the field status.
const (
	trStopped = iota
	trCheckWait
	trCheck
	trDownloadWait
	trDownload
	trSeedWait
	trSeed
)

// statusOf is the protocol's word for what a torrent does. Names of its own for the rest are in shoal_phase.
func statusOf(e *status.Entry) int {
	complete := e.Wanted > 0 && e.Have >= e.Wanted
	switch {
	case e.Phase == status.Checking:
		return trCheck
	case e.Verifying:
		return trCheckWait
	case e.Stopped, e.Phase == status.Failed:
		return trStopped
	case e.Waiting && complete:
		return trSeedWait
	case e.Waiting:
		return trDownloadWait
	case e.Phase == status.Paused:
		return trStopped
	case e.Phase == status.Seeding, e.Phase == status.Partial, complete:
		return trSeed
	}
	return trDownload
}

// etaOf is in seconds: -1 when there is nothing to wait for, -2 when it is not known.
func etaOf(e *status.Entry) int64 {
	switch statusOf(e) {
	case trDownload:
		if e.ETA >= 0 && e.Phase != status.Metadata {
			return int64(e.ETA / time.Second)
		}
		return -2
	}
	return -1
}

func share(part, all int64) float64 {
	if all <= 0 {
		return 0
	}
	return min(1, float64(part)/float64(all))
}

// metadataShare is how much of the info dictionary is here, 0 to 1.
func metadataShare(e *status.Entry) float64 {
	if e.Phase != status.Metadata && (e.Pieces > 0 || e.TorrentFile != "") {
		return 1
	}
	return share(int64(e.MetadataHave), int64(e.Metadata))
}

// doneShare counts what is wanted; a torrent whose wanted files are empty is done.
func doneShare(e *status.Entry) float64 {
	if e.Wanted == 0 && e.Pieces > 0 {
		return 1
	}
	return share(e.Have, e.Wanted)
}

// ratioOf is Torrent.ShareRatio in the protocol's words, which have -2 for no bound.
func ratioOf(e *status.Entry) float64 {
	if r := e.ShareRatio(); !math.IsInf(r, 1) {
		return r
	}
	return -2
}
