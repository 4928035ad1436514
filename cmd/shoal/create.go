package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/metainfo"
)

// createOptions are the flags of create.
type createOptions struct {
	output     string
	trackers   []string
	webSeeds   []string
	pieceSize  pieceSize
	exclude    []string
	jobs       int
	private    bool
	comment    string
	source     string
	name       string
	date       string
	v1, v2, hy bool
	overwrite  bool
}

func newCreate(con *console) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "create PATH",
		Short: "Make a .torrent file of a file or folder",
		Long: `Makes a .torrent file of a file or a folder. The same content and the same flags
always give the same bytes: no date is written unless --date asks for it.

Standard output has the file's name, the info hash and the magnet link; with
--output - it has the .torrent file itself.

` + globHelp,
		Example: `  shoal create album
  shoal create album --tracker http://tracker.example/announce -o /tmp/album.torrent
  shoal create disk.img --piece-size 4MiB --private --tracker https://tracker.example/announce
  shoal create album --exclude '*.tmp' --exclude 'covers/large'
  shoal create album --tracker 'http://a.example/announce http://b.example/announce'
  shoal create disk.img -o - | shoal inspect -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return create(cmd, con, &o, args[0]) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write to `FILE`, - for standard output (default NAME.torrent in this folder)")
	f.StringArrayVar(&o.trackers, "tracker", nil, "announce to this tracker `URL`; repeatable, tried in this order; URLs with blanks between them share a tier")
	f.StringArrayVar(&o.webSeeds, "webseed", nil, "the content is also at this `URL` (BEP 19); repeatable")
	f.Var(&o.pieceSize, "piece-size", "length of a piece, a power of two from 16KiB to 128MiB, or auto: by total size")
	f.BoolVar(&o.private, "private", false, "peers come from the trackers only (BEP 27)")
	f.StringVar(&o.comment, "comment", "", "a `TEXT` for people")
	f.StringVar(&o.source, "source", "", "a `TEXT` that gives the same content another info hash")
	f.StringVar(&o.name, "name", "", "`NAME` of the torrent (default the name of PATH)")
	f.StringVar(&o.date, "date", "", "`DATE` of creation: now, seconds since 1970, or like 2006-01-02T15:04:05Z; none by default")
	f.StringArrayVar(&o.exclude, "exclude", nil, "leave out what matches `GLOB`; repeatable")
	f.IntVar(&o.jobs, "jobs", 0, "hash on `N` cores; 0 is all of them")
	f.BoolVar(&o.v1, "v1", false, "make a v1 torrent (BEP 3), the default")
	f.BoolVar(&o.v2, "v2", false, "make a v2 torrent (BEP 52): not yet supported")
	f.BoolVar(&o.hy, "hybrid", false, "make a torrent that is both: not yet supported")
	f.BoolVar(&o.overwrite, "overwrite", false, "write over an existing FILE")
	cmd.MarkFlagsMutuallyExclusive("v1", "v2", "hybrid")
	return cmd
}

type createdEvent struct {
	event
	File        string `json:"file"`
	ID          string `json:"id"`
	Magnet      string `json:"magnet"`
	Size        int64  `json:"size"`
	Pieces      int    `json:"pieces"`
	PieceLength int64  `json:"piece_length"`
}

func create(cmd *cobra.Command, con *console, o *createOptions, path string) error {
	if o.v2 || o.hy {
		return withCode(exitUsage, errors.New("making v2 and hybrid torrents is not yet supported: leave --v2 and --hybrid out for a v1 torrent"))
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s: %w", path, plainCause(err))
	}
	date, err := parseDate(o.date)
	if err != nil {
		return withCode(exitUsage, err)
	}
	if err := checkGlobs("--exclude", o.exclude); err != nil {
		return err
	}
	trackers, err := trackerTiers(o.trackers)
	if err != nil {
		return err
	}
	if err := checkWebSeeds(o.webSeeds); err != nil {
		return err
	}
	if o.jobs < 0 {
		return withCode(exitUsage, errors.New("--jobs may not be negative"))
	}
	if o.jobs > 0 { // the hashing takes as many cores as there are for Go
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(o.jobs))
	}
	opt := metainfo.BuildOptions{Name: o.name, PieceLength: int64(o.pieceSize), Private: o.private, Trackers: trackers,
		WebSeeds: o.webSeeds, Comment: o.comment, Source: o.source, Date: date}
	t, err := makeTorrent(cmd.Context(), con, path, opt, o.exclude...)
	if err != nil {
		return err
	}
	for _, w := range t.Warnings {
		con.Note("warning: %s", w)
	}
	if o.output == "-" {
		b, err := t.Marshal()
		if err == nil {
			_, err = con.stdout.Write(b)
		}
		return err
	}
	file := o.output
	if file == "" {
		file = filepath.Base(t.Info.Files()[0].Path) + ".torrent"
		if t.Info.Multi() {
			file = filepath.Base(place(".", t.Info)) + ".torrent"
		}
	}
	if err := writeTorrent(con, file, t, o.overwrite); err != nil {
		return err
	}
	con.Result("file    %s\nhash    %s\nmagnet  %s", text.Clean(file, 0), t.ID, t.Magnet())
	con.Event(createdEvent{newEvent("done"), file, t.ID.String(), t.Magnet().String(), t.Info.Payload(), t.Info.NumPieces(), t.Info.PieceLength()})
	return nil
}

// writeTorrent writes a .torrent file; an existing one only with overwrite.
func writeTorrent(_ *console, file string, t *metainfo.Torrent, overwrite bool) error {
	b, err := t.Marshal()
	if err != nil {
		return err
	}
	return writeNew(file, b, overwrite)
}

// saveTorrent is writeTorrent for work that is done again: the file that an earlier run left is as good.
func saveTorrent(con *console, file string, t *metainfo.Torrent, overwrite bool) error {
	err := writeTorrent(con, file, t, overwrite)
	if codeOf(err) != exitExists {
		return err
	}
	b, bad := t.Marshal()
	if st, e := os.Stat(file); bad != nil || e != nil || !st.Mode().IsRegular() || st.Size() != int64(len(b)) {
		return err
	}
	if old, e := os.ReadFile(file); e != nil || !bytes.Equal(old, b) {
		return err
	}
	return nil
}

// writeNew writes a file that is not there yet, or may be replaced.
func writeNew(file string, b []byte, overwrite bool) error {
	flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if overwrite {
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, flag, 0o666)
	if errors.Is(err, os.ErrExist) {
		return withCode(exitExists, fmt.Errorf("%s is there already: name another file, or use --overwrite", file))
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// tiers makes every tracker a tier of its own, so that they are tried in order; those
// that came in one word, with blanks between them, share one.
func tiers(words []string) [][]string {
	var t [][]string
	for _, w := range words {
		t = append(t, strings.Fields(w))
	}
	return t
}

// trackerTiers is tiers for what must be tracker URLs.
func trackerTiers(words []string) ([][]string, error) {
	t := tiers(words)
	for _, tier := range t {
		for _, u := range tier {
			if _, err := metainfo.CheckTracker(u); err != nil {
				return nil, badTracker(u, err)
			}
		}
	}
	return t, nil
}

func badTracker(url string, err error) error {
	return withCode(exitUsage, fmt.Errorf("tracker %s: %w", url, err))
}

func checkWebSeeds(urls []string) error {
	for _, u := range urls {
		if !isURL(u) {
			return withCode(exitUsage, fmt.Errorf("web seed %q: write an http or https URL", u))
		}
	}
	return nil
}

// pieceSize is a flag: the length of a piece, or 0 for auto.
type pieceSize int64

func (p *pieceSize) String() string {
	if *p == 0 {
		return "auto"
	}
	return text.SizeBinary(int64(*p))
}
func (p *pieceSize) Type() string { return "SIZE" }
func (p *pieceSize) Set(s string) error {
	if s == "auto" {
		*p = 0
		return nil
	}
	n, err := text.ParseSize(s)
	if err != nil || n < metainfo.BlockSize || n > metainfo.MaxPieceLength || n&(n-1) != 0 {
		return errors.New("write auto, or a power of two from 16KiB to 128MiB")
	}
	*p = pieceSize(n)
	return nil
}

// parseDate reads --date.
func parseDate(s string) (time.Time, error) {
	switch n, err := strconv.ParseInt(s, 10, 64); {
	case s == "" || s == "0":
		return time.Time{}, nil
	case s == "now":
		return time.Now(), nil
	case err == nil && n > 0:
		return time.Unix(n, 0), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("--date %q: write now, seconds since 1970, or a date like 2006-01-02T15:04:05Z", s)
	}
	return t, nil
}

// hashing returns a progress callback for metainfo.Build that says now and then how
// far it is; several goroutines may call it.
func (c *console) hashing(name string) func(done, total int64) {
	var mu sync.Mutex
	last := time.Now()
	return func(done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(last) >= 2*time.Second && total > 0 {
			last = now
			c.Note("hashing %s: %d%% of %s", text.Clean(name, 60), done*100/total, text.Size(total))
		}
	}
}
