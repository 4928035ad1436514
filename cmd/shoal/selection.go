package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/session"
)

// selection says which files of a torrent are wanted.
type selection struct {
	files         string
	only, exclude []string
	high, low     []string // with priority, or without
}

func (s *selection) register(f *pflag.FlagSet) {
	f.StringVar(&s.files, "files", "", "download these files, a `LIST` of numbers like 1-3,8 or 5-; --list shows them")
	f.StringArrayVar(&s.only, "only", nil, "download only files that match `GLOB`; repeatable")
	f.StringArrayVar(&s.exclude, "exclude", nil, "leave out files that match `GLOB`; repeatable")
	f.StringArrayVar(&s.high, "high", nil, "download files that match `GLOB` before the others; repeatable")
	f.StringArrayVar(&s.low, "low", nil, "download files that match `GLOB` after the others; repeatable")
}

func (s *selection) any() bool { return s.files != "" || len(s.only)+len(s.exclude) > 0 }

func (s *selection) check() error {
	return errors.Join(checkGlobs("--only", s.only), checkGlobs("--exclude", s.exclude),
		checkGlobs("--high", s.high), checkGlobs("--low", s.low))
}

// of returns which files of a torrent are chosen, by index; nil for all.
func (s *selection) of(in *metainfo.Info) ([]bool, error) {
	if !s.any() {
		return nil, nil
	}
	chosen, numbers := make([]bool, len(in.Files())), fileNumbers(in)
	var listed []bool
	if s.files != "" {
		var err error
		if listed, err = parseFileList(s.files, slices.Max(numbers)); err != nil {
			return nil, withCode(exitUsage, fmt.Errorf("--files %s: %w; shoal get --list shows them", s.files, err))
		}
	}
	some := false
	for i, f := range in.Files() {
		below := belowTop(in, &f)
		chosen[i] = (listed == nil || numbers[i] > 0 && listed[numbers[i]-1]) && !f.Pad && !f.Symlink && (len(s.only) == 0 || globs(s.only).match(below)) && !globs(s.exclude).match(below)
		some = some || chosen[i]
	}
	if !some {
		return nil, withCode(exitUsage, errors.New("no file of the torrent is chosen; --list shows what there is"))
	}
	return chosen, nil
}

// fileNumbers are the numbers of files, counted from 1, as a person sees and writes them, also to a daemon: padding has none, and 0 here.
func fileNumbers(in *metainfo.Info) []int {
	list, n := make([]int, len(in.Files())), 0
	for i, f := range in.Files() {
		if !f.Pad {
			n++
			list[i] = n
		}
	}
	return list
}

// belowTop is the path of a file that patterns are for: counted from the torrent's folder.
func belowTop(in *metainfo.Info, f *metainfo.File) string {
	if _, rest, multi := strings.Cut(f.Path, "/"); multi && in.Multi() {
		return rest
	}
	return f.Path
}

// choose returns which files of a torrent are chosen: by the flags, or else by the magnet link that it came from.
func (s *selection) choose(t *metainfo.Torrent, m *metainfo.Magnet) ([]bool, error) {
	chosen, err := s.of(t.Info)
	if chosen != nil || err != nil || m == nil {
		return chosen, err
	}
	list, err := session.Selected(t.Info, m.Select)
	for _, p := range list {
		chosen = append(chosen, p != session.Unwanted)
	}
	return chosen, err
}

// priorities are what the session is told about the choice; nil for all alike. A file that is of high and of
// low priority has the high one.
func (s *selection) priorities(in *metainfo.Info, chosen []bool) []uint8 {
	if chosen == nil && len(s.high)+len(s.low) == 0 {
		return nil
	}
	list := make([]uint8, len(in.Files()))
	for i, f := range in.Files() {
		below := belowTop(in, &f)
		switch {
		case chosen != nil && !chosen[i]:
			list[i] = session.Unwanted
		case globs(s.high).match(below):
			list[i] = session.High
		case globs(s.low).match(below):
			list[i] = session.Low
		default:
			list[i] = session.Normal
		}
	}
	return list
}

// parseFileList reads numbers and ranges that count n files from 1.
func parseFileList(s string, n int) ([]bool, error) {
	chosen := make([]bool, n)
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err1 := strconv.Atoi(from)
		last, err2 := first, error(nil)
		switch {
		case isRange && to == "":
			last = n
		case isRange:
			last, err2 = strconv.Atoi(to)
		}
		if err1 != nil || err2 != nil || first > last {
			return nil, errors.New("write numbers and ranges like 1-3,8")
		}
		if first < 1 || last > n {
			return nil, fmt.Errorf("there are files 1 to %d", n)
		}
		for i := first - 1; i < last; i++ {
			chosen[i] = true
		}
	}
	return chosen, nil
}

// listedEvent is the JSON line of one file of --list.
type listedEvent struct {
	event
	ID     string `json:"id"`
	Index  int    `json:"index"` // as --files takes it
	Path   string `json:"path"`
	Length int64  `json:"length"`
}

// listFiles prints the chosen files of a torrent.
func (c *console) listFiles(t *metainfo.Torrent, chosen []bool) {
	numbers := fileNumbers(t.Info)
	for i, f := range t.Info.Files() {
		if f.Pad || chosen != nil && !chosen[i] {
			continue
		}
		link := ""
		if f.Symlink {
			link = "  (symbolic link, not made)"
		}
		c.Result("%6d  %8s  %s%s", numbers[i], text.Size(f.Length), text.Clean(f.Path, 0), link)
		c.Event(listedEvent{newEvent("listed"), t.ID.String(), numbers[i], f.Path, f.Length})
	}
}
