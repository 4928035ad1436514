// Package state owns what a session remembers between runs: one resume record
// a torrent. Its functions are pure or work on an fsys.FS that is handed in;
// any goroutine may call them, but one record has one writer at a time.
//
// A record never claims more than is true when it is read: pieces are synced
// (they survive a power cut) or only written (they survive the end of the
// process, not that of the machine; see BootID). A damaged record costs a
// check of the data, never a torrent.
package state

import (
	"time"

	"shoal/metainfo"
)

// Record is the resume record of one torrent in one folder.
type Record struct {
	// Serial counts saves; the highest valid one wins when a record is loaded.
	Serial int64
	ID     metainfo.ID
	// Dir is the download folder as the user knows it.
	Dir string
	// BootID is the start of the machine during which the record was written.
	BootID string
	// Clean says that the session ended in order after the record was saved,
	// so that no piece outside Have is on the disk.
	Clean bool
	// Have are the pieces that were verified and written. Synced are those of them
	// that also were made durable. Doubt are pieces whose bytes were lost on the way to
	// the disk (a failed sync): during the same start of the machine they must
	// be fetched and written again, because reading them back may show the cache only.
	Have, Synced, Doubt metainfo.Bitfield
	// Files has one entry a file of the torrent, in its order.
	Files []File
	// DownTotal and UpTotal are payload bytes of all runs.
	DownTotal, UpTotal int64
	// Added and Finished are wall clock times; Finished is zero before
	// completion.
	Added, Finished time.Time
	// Names are other paths for files than the torrent's own, by index. They are not checked.
	Names map[int]string
	// Renaming are the old and the new path of a file or folder whose name on disk may not have followed Names yet; empty for none.
	Renaming [2]string
}

// File is what a record knows of one file on the disk.
type File struct {
	// Closed says that nothing writes to the file after the rest of this entry was
	// taken; only then do the times have to match.
	Closed bool
	// Exists is false for a file that was not made yet; the rest is zero then.
	Exists       bool
	Size         int64
	MTime, CTime time.Time // zero where the system has none
	Inode        uint64    // 0 where the system has none
}

// Follow returns the entries of files that were moved, or renamed, as they are afterwards: of a file that was before as the record has
// it the one in after, of another one an entry that fits no file.
func Follow(record, before, after []File) []File {
	out := make([]File, len(record))
	for i := range out {
		switch old := &record[i]; {
		case !old.same(before[i]) || old.Size == fitsNone:
			out[i] = File{Exists: after[i].Exists, Closed: true, Size: fitsNone}
		default:
			out[i] = after[i]
			out[i].Closed = old.Closed
		}
	}
	return out
}

// fitsNone is the size of an entry that fits no file.
const fitsNone = -1

// same reports whether the file on the disk can hold what the record says.
func (f *File) same(now File) bool {
	switch {
	case f.Exists != now.Exists:
		return !f.Exists && !f.Closed // made after the record was saved
	case !f.Exists:
		return true
	case f.Inode != now.Inode && f.Inode != 0 && now.Inode != 0:
		return false
	case !f.Closed:
		return true
	}
	return f.Size == now.Size && f.MTime.Equal(now.MTime) && f.CTime.Equal(now.CTime)
}
