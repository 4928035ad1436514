package metainfo

import (
	"context"
	"crypto/sha1"
	"fmt"
	"io/fs"
	"math/bits"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"shoal/internal/bencode"
)

// BuildOptions says what a new torrent holds beside the files. The zero value is
// a public torrent without trackers.
type BuildOptions struct {
	// Name is the torrent's name; the last element of the root when empty.
	Name string
	// PieceLength in bytes is a power of two between 16 KiB and MaxPieceLength; 0
	// chooses one that gives about a thousand to two thousand pieces, at most 16 MiB long up to 12 TiB.
	PieceLength int64
	Private     bool
	// Trackers are tiers of BEP 12.
	Trackers [][]string
	WebSeeds []string
	Comment  string
	// Source goes into the info dictionary and so changes the info hash.
	Source    string
	CreatedBy string
	// Date is written as the creation date unless it is zero.
	Date time.Time
	// Progress is called with the bytes hashed so far and the sum, from one
	// goroutine at a time, after every piece or MiB of one; the last call has done == total.
	Progress func(done, total int64)
}

// Build makes a v1 torrent (BEP 3) from the file or folder root of fsys, hashing
// on all cores. Files are in the order of their names; symbolic links and other
// special files are left out with a warning. Equal files and options give equal bytes.
// The paths of the returned Info are those on disk, so that it can be seeded from there, but begin with
// BuildOptions.Name where that is given. A file that changes meanwhile is an error. Files of fsys are io.ReaderAt, as
// those of package os are.
// Errors are those of reading, ctx.Err(), or wrap ErrInvalid.
func Build(ctx context.Context, fsys fs.FS, root string, opt BuildOptions) (*Torrent, error) {
	var w warnings
	if opt.Name == "" {
		opt.Name = path.Base(root)
	}
	if err := opt.check(&w); err != nil {
		return nil, err
	}
	files, times, multi, err := listFiles(fsys, root, &w)
	if err != nil {
		return nil, err
	}
	var total int64
	for i := range files {
		files[i].Offset = total
		total += files[i].Length
	}
	if opt.PieceLength == 0 {
		opt.PieceLength = choosePieceLength(total)
	}
	if want := (total + opt.PieceLength - 1) / opt.PieceLength; want > MaxPieces {
		return nil, invalid("%d pieces of %d bytes, at most %d are allowed; choose longer pieces", want, opt.PieceLength, MaxPieces)
	}
	// What no torrent can hold is found without the hashes, before hours of reading.
	if _, _, _, err := opt.assemble(files, multi, make([]byte, (total+opt.PieceLength-1)/opt.PieceLength*sha1.Size)); err != nil {
		return nil, err
	}
	h := hasher{fsys: fsys, root: root, files: files, times: times, pieceLength: opt.PieceLength, total: total, progress: opt.Progress}
	hashes, err := h.run(ctx)
	if err != nil {
		return nil, err
	}
	info, in, id, err := opt.assemble(files, multi, hashes)
	if err != nil {
		return nil, err
	}
	in.keepPaths(&w)
	return &Torrent{
		ID: id, Info: in, InfoBytes: info, Trackers: opt.Trackers, WebSeeds: opt.WebSeeds,
		Comment: opt.Comment, CreatedBy: opt.CreatedBy, Created: opt.Date.UTC().Truncate(time.Second), Warnings: w.all(),
	}, nil
}

// assemble writes the info dictionary and reads it back, which checks it.
func (o *BuildOptions) assemble(files []File, multi bool, hashes []byte) (info []byte, in *Info, id ID, err error) {
	if info, err = encodeInfo(o, files, multi, hashes); err != nil {
		return nil, nil, ID{}, err
	}
	if in, id, err = ParseInfo(info); err != nil {
		return nil, nil, ID{}, fmt.Errorf("checking the new torrent: %w", err)
	}
	return info, in, id, nil
}

// check refuses options that Parse would not give back.
func (o *BuildOptions) check(w *warnings) error {
	if n := o.PieceLength; n != 0 && (n < BlockSize || n > MaxPieceLength || n&(n-1) != 0) {
		return invalid("piece length %d is not a power of two between 16 KiB and %d MiB", n, MaxPieceLength>>20)
	}
	if o.Name == "" || o.Name == "." || o.Name == ".." || strings.Contains(o.Name, "/") || !utf8.ValidString(o.Name) {
		return invalid("%s cannot be the name of a torrent; choose another", short(o.Name))
	}
	if safe := SafeName(o.Name); safe != o.Name {
		w.addf("other systems store %s as %s", short(o.Name), short(safe))
	}
	seen := map[string]bool{}
	var tiers [][]string
	for _, tier := range o.Trackers {
		var out []string
		for _, u := range tier {
			clean, err := CheckTracker(u)
			if err != nil {
				return invalid("tracker %s: %w", short(u), err)
			}
			if !seen[clean] {
				seen[clean] = true
				out = append(out, clean)
			}
		}
		if out != nil {
			tiers = append(tiers, out)
		}
	}
	var seeds []string
	for _, u := range o.WebSeeds {
		clean, err := checkWebSeed(u)
		if err != nil {
			return invalid("web seed %s: %w", short(u), err)
		}
		if !slices.Contains(seeds, clean) {
			seeds = append(seeds, clean)
		}
	}
	if len(seen) > maxTrackers || len(seeds) > maxWebSeeds {
		return invalid("%d trackers and %d web seeds; at most %d and %d are allowed", len(seen), len(seeds), maxTrackers, maxWebSeeds)
	}
	if !o.Date.IsZero() && (o.Date.Unix() <= 0 || o.Date.Unix() >= endOfTime) {
		return invalid("the date %s is not between the years 1970 and 9999", o.Date.Format(time.DateOnly))
	}
	o.Trackers, o.WebSeeds = tiers, seeds
	return nil
}

// listFiles walks root in the order of names. The Raw of a lone file is empty. times are when
// each file was last written to.
func listFiles(fsys fs.FS, root string, w *warnings) (files []File, times []time.Time, multi bool, err error) {
	top, err := fs.Stat(fsys, root)
	if err != nil {
		return nil, nil, false, err
	}
	if top.Mode().IsRegular() {
		return []File{{Length: top.Size()}}, []time.Time{top.ModTime()}, false, nil
	}
	if !top.IsDir() {
		return nil, nil, false, invalid("%s is neither a file nor a folder", short(root))
	}
	err = fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
		if root == "." {
			rel = name
		}
		if d.IsDir() {
			// Said here, because such a folder cannot even be listed.
			if !utf8.ValidString(rel) {
				return invalid("the name %s is not UTF-8; rename the folder", short(rel))
			}
			return nil
		}
		if name == root || !d.Type().IsRegular() {
			w.addf("%s is left out: it is a link or a special file", short(rel))
			return nil
		}
		if !utf8.ValidString(rel) {
			return invalid("the name %s is not UTF-8; rename the file", short(rel))
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		files, times = append(files, File{Raw: strings.Split(rel, "/"), Length: st.Size()}), append(times, st.ModTime())
		return nil
	})
	if err == nil && len(files) == 0 {
		err = invalid("%s has no files", short(root))
	}
	return files, times, true, err
}

// maxAutoPieces leaves room for the list of files within MaxMetadata.
const maxAutoPieces = MaxMetadata / 2 / sha1.Size

// choosePieceLength returns the least power of two from 32 KiB to 16 MiB that gives
// at most 2048 pieces; longer ones only where their hashes would take more than half of MaxMetadata.
func choosePieceLength(total int64) int64 {
	n := max(total, 1)
	length := int64(1) << bits.Len64(uint64((n-1)/2048))
	length = min(max(length, 32<<10), 16<<20)
	for (n-1)/length+1 > maxAutoPieces && length < MaxPieceLength {
		length *= 2
	}
	return length
}

// infoFile and newInfo are what is written, and the only nested structs that are
// encoded; nothing is ever decoded into them.
type infoFile struct {
	Length int64    `bencode:"length"`
	Path   []string `bencode:"path"`
}

type newInfo struct {
	Files       []infoFile         `bencode:"files,omitempty"`
	Length      bencode.RawMessage `bencode:"length,omitempty"`
	Name        string             `bencode:"name"`
	PieceLength int64              `bencode:"piece length"`
	Pieces      []byte             `bencode:"pieces"`
	Private     int64              `bencode:"private,omitempty"`
	Source      string             `bencode:"source,omitempty"`
}

func encodeInfo(opt *BuildOptions, files []File, multi bool, hashes []byte) ([]byte, error) {
	d := newInfo{Name: opt.Name, PieceLength: opt.PieceLength, Pieces: hashes, Source: opt.Source}
	if opt.Private {
		d.Private = 1
	}
	if !multi {
		d.Length = fmt.Appendf(nil, "i%de", files[0].Length)
	}
	for _, f := range files {
		if multi {
			d.Files = append(d.Files, infoFile{Length: f.Length, Path: f.Raw})
		}
	}
	b, err := bencode.Marshal(&d)
	if err == nil && len(b) > MaxMetadata {
		err = invalid("the list of files and hashes passes %d MiB, which peers would refuse; choose longer pieces", MaxMetadata>>20)
	}
	return b, err
}

// keepPaths undoes the mapping of names, because the files exist under their
// own, and says which ones others will find under different names.
func (in *Info) keepPaths(w *warnings) {
	if !in.multi {
		in.files[0].Path = in.name
		return
	}
	safe := SafeName(in.name)
	for i := range in.files {
		f := &in.files[i]
		mapped, own := f.Path[len(safe):], "/"+strings.Join(f.Raw, "/")
		if mapped != own {
			w.addf("other systems store %s as %s", short(own[1:]), short(mapped[1:]))
		}
		f.Path = in.name + own
	}
}
