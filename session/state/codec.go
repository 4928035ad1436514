package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"time"

	"shoal/internal/bencode"
	"shoal/metainfo"
)

// A record on disk is a line with the format's name, four bytes of CRC-32C
// (big-endian) over all that follows, and a bencoded dictionary.
const magic = "shoal resume\n"

// version grows when an older program could misread a record. Keys that may
// be ignored do not change it.
const version = 1

// maxRecord bounds what is read: three bitfields of 2^21 pieces and a million files.
const maxRecord = 256 << 20

var limits = bencode.Limits{Bytes: maxRecord, Depth: 4, Items: 16 << 20, String: 64 << 20}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is wrapped by every error about a record that cannot be used.
var ErrDamaged = errors.New("it cannot be used")

// recordWire is the bencoded form. Times are nanoseconds since 1970;
// an absent one is zero.
type recordWire struct {
	Added    int64    `bencode:"added"`
	Boot     string   `bencode:"boot"`
	Clean    int64    `bencode:"clean"`
	Dir      string   `bencode:"dir"`
	Doubt    []byte   `bencode:"doubt"`
	Down     int64    `bencode:"down"`
	Files    []int64  `bencode:"files"` // fileInts numbers a file
	Finished int64    `bencode:"finished"`
	Have     []byte   `bencode:"have"`
	Named    []int64  `bencode:"named"` // ascending indices of files
	Names    []string `bencode:"names"` // their paths
	Pieces   int64    `bencode:"pieces"`
	Renaming []string `bencode:"renaming"` // none or two
	Serial   int64    `bencode:"serial"`
	Synced   []byte   `bencode:"synced"`
	Up       int64    `bencode:"up"`
	V1       []byte   `bencode:"v1"`
	V2       []byte   `bencode:"v2"`
	Version  int64    `bencode:"version"`
}

// fileInts is how many numbers describe a file: flags, size, mtime, ctime, inode.
const fileInts = 5

const (
	flagExists = 1 << iota
	flagClosed
)

// Encode returns the record as it goes to disk. Equal records give equal
// bytes.
func (r *Record) Encode() ([]byte, error) {
	w := recordWire{
		Added: nanos(r.Added), Boot: r.BootID, Dir: r.Dir, Down: r.DownTotal, Up: r.UpTotal,
		Doubt: r.Doubt.Bytes(), Have: r.Have.Bytes(), Synced: r.Synced.Bytes(), Pieces: int64(r.Have.Len()),
		Finished: nanos(r.Finished), Serial: r.Serial, Version: version,
	}
	for _, i := range slices.Sorted(maps.Keys(r.Names)) {
		w.Named, w.Names = append(w.Named, int64(i)), append(w.Names, r.Names[i])
	}
	if r.Renaming != [2]string{} {
		w.Renaming = r.Renaming[:]
	}
	if r.Clean {
		w.Clean = 1
	}
	if r.ID.HasV1() {
		w.V1 = r.ID.V1[:]
	}
	if r.ID.HasV2() {
		w.V2 = r.ID.V2[:]
	}
	for _, f := range r.Files {
		flags := int64(0)
		if f.Exists {
			flags |= flagExists
		}
		if f.Closed {
			flags |= flagClosed
		}
		w.Files = append(w.Files, flags, f.Size, nanos(f.MTime), nanos(f.CTime), int64(f.Inode))
	}
	body, err := bencode.Marshal(&w)
	if err != nil {
		return nil, fmt.Errorf("encode resume record of %v: %w", r.ID, err)
	}
	return Seal(magic, body), nil
}

// Seal puts a line with the format's name and a checksum in front of a body.
func Seal(magic string, body []byte) []byte {
	out := make([]byte, 0, len(magic)+4+len(body))
	out = append(out, magic...)
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(body, castagnoli))
	return append(out, body...)
}

// Unseal is the inverse of Seal; the body aliases b. Bytes that were cut, changed or are of another format are an
// error that wraps ErrDamaged.
func Unseal(magic string, b []byte) (body []byte, err error) {
	if len(b) < len(magic)+4 || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	}
	sum, body := binary.BigEndian.Uint32(b[len(magic):]), b[len(magic)+4:]
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	return body, nil
}

// Decode is the inverse of Encode. A record that was cut, changed or written by a
// newer version is an error that wraps ErrDamaged.
func Decode(b []byte) (*Record, error) {
	body, err := Unseal(magic, b)
	if err != nil {
		return nil, err
	}
	var w recordWire
	if err := bencode.Unmarshal(body, limits, &w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if w.Version < 1 || w.Version > version {
		return nil, fmt.Errorf("%w: it is of version %d, this program knows %d", ErrDamaged, w.Version, version)
	}
	return w.record()
}

func (w *recordWire) record() (*Record, error) {
	r := &Record{
		Serial: w.Serial, Dir: w.Dir, BootID: w.Boot, Clean: w.Clean == 1,
		DownTotal: max(w.Down, 0), UpTotal: max(w.Up, 0), Added: moment(w.Added), Finished: moment(w.Finished),
	}
	if len(w.V1) != 0 && copy(r.ID.V1[:], w.V1) != len(w.V1) || len(w.V2) != 0 && copy(r.ID.V2[:], w.V2) != len(w.V2) {
		return nil, fmt.Errorf("%w: info hash has a wrong length", ErrDamaged)
	}
	if w.Pieces < 0 || w.Pieces > metainfo.MaxPieces {
		return nil, fmt.Errorf("%w: %d pieces", ErrDamaged, w.Pieces)
	}
	ok := [3]bool{}
	r.Have, ok[0] = metainfo.ParseBitfield(w.Have, int(w.Pieces))
	r.Synced, ok[1] = metainfo.ParseBitfield(w.Synced, int(w.Pieces))
	r.Doubt, ok[2] = metainfo.ParseBitfield(w.Doubt, int(w.Pieces))
	if ok != [3]bool{true, true, true} {
		return nil, fmt.Errorf("%w: a bitfield does not fit %d pieces", ErrDamaged, w.Pieces)
	}
	if len(w.Files)%fileInts != 0 {
		return nil, fmt.Errorf("%w: %d numbers for its files", ErrDamaged, len(w.Files))
	}
	for f := w.Files; len(f) > 0; f = f[fileInts:] {
		r.Files = append(r.Files, File{
			Exists: f[0]&flagExists != 0, Closed: f[0]&flagClosed != 0, Size: f[1],
			MTime: moment(f[2]), CTime: moment(f[3]), Inode: uint64(f[4]),
		})
	}
	if err := w.names(r); err != nil {
		return nil, err
	}
	return r, nil
}

// names fills in what was renamed.
func (w *recordWire) names(r *Record) error {
	if len(w.Named) != len(w.Names) || len(w.Renaming) != 0 && copy(r.Renaming[:], w.Renaming) != len(w.Renaming) {
		return fmt.Errorf("%w: its names do not fit", ErrDamaged)
	}
	for k, i := range w.Named {
		if i < 0 || i >= int64(len(r.Files)) || k > 0 && i <= w.Named[k-1] {
			return fmt.Errorf("%w: a name for file %d of %d", ErrDamaged, i, len(r.Files))
		}
		if r.Names == nil {
			r.Names = make(map[int]string, len(w.Named))
		}
		r.Names[int(i)] = w.Names[k]
	}
	return nil
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
