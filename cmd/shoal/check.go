package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"shoal/internal/fsys"
	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/piece"
)

type checkOptions struct {
	jobs     int
	progress string
}

func newCheck(con *console) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check TORRENT [DIR]",
		Short: "Compare files with a torrent",
		Long: `Reads the content of a torrent in DIR, this folder if none is named, and compares
every piece with its hash. DIR may also be the torrent's own file or folder.
Nothing is written and no peer or tracker is asked; TORRENT may be - for
standard input.

Standard output has one line for each file that is missing, too short, too long
or damaged, with the pieces that are wrong, counted from 0 as on the wire, and one
about the whole. The exit code is 8 when anything is wrong, 1 when there is no
such folder. Of a file that is too long only get --overwrite cuts what is too much.`,
		Example: `  shoal check debian.torrent                      in this folder
  shoal check debian.torrent ~/Downloads
  shoal check album.torrent ~/Music/album
  shoal check --json debian.torrent | jq -r 'select(.type=="file" and .state!="ok").path'
  shoal check debian.torrent || shoal get debian.torrent      fetch what is wrong`,
		Args: cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return []string{"torrent"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--progress", o.progress, "auto", "plain", "json", "none"); err != nil {
				return err
			}
			if o.jobs < 0 {
				return withCode(exitUsage, errors.New("--jobs may not be negative"))
			}
			return check(cmd.Context(), con, &o, args[0], append(args[1:], ".")[0])
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.jobs, "jobs", 0, "read and hash on `N` cores; 0 is all of them")
	f.StringVar(&o.progress, "progress", "auto", "auto, plain, json or none; auto draws on a terminal and is plain elsewhere")
	choices(cmd, "progress", "auto", "plain", "json", "none")
	return cmd
}

// checkedEvent is the last JSON line of check.
type checkedEvent struct {
	event
	ID           string `json:"id"`
	Path         string `json:"path"`
	OK           bool   `json:"ok"`
	Size         int64  `json:"size"`
	Have         int64  `json:"have"`
	Pieces       int    `json:"pieces"`
	WrongPieces  int    `json:"wrong_pieces"`
	Files        int    `json:"files"`
	WrongFiles   int    `json:"wrong_files"`
	FirstFailure string `json:"error,omitempty"` // of the disk
}

// checkedFileEvent is the JSON line of one file.
type checkedFileEvent struct {
	event
	ID     string `json:"id"`
	Path   string `json:"path"`
	Length int64  `json:"length"`
	State  string `json:"state"`
	Pieces string `json:"pieces,omitempty"` // the wrong ones, like "3,7-8"
	Error  string `json:"error,omitempty"`
}

func check(ctx context.Context, con *console, o *checkOptions, source, dir string) error {
	if isMagnet(source) || isURL(source) {
		return withCode(exitUsage, errors.New("check works without a network: name a .torrent file"))
	}
	t, err := readAny(ctx, source, con.stdin)
	if err == nil {
		err = t.Info.Downloadable()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	named := dir
	dir = contentFolder(dir, t.Info)
	folder, err := fsys.OpenDir(dir)
	if err != nil {
		return notContent(named, t.Info, err)
	}
	defer folder.Close()
	if o.jobs == 0 {
		o.jobs = runtime.GOMAXPROCS(0)
	}
	store := piece.NewStore(folder, t.Info, piece.NewFiles(64))
	c := newChecker(t, store, folder.Path())
	finish := watch(con, o.progress, c, true)
	err = c.run(ctx, o.jobs)
	finish()
	if err := errors.Join(err, store.Close()); err != nil {
		if ctx.Err() != nil {
			err = withCode(exitUnfinished, errors.New("interrupted before the check was done"))
		}
		return err
	}
	return c.tell(con, place(dir, t.Info))
}

// notContent says why what a person named for the content cannot be looked into.
func notContent(named string, in *metainfo.Info, err error) error {
	switch st, bad := os.Stat(named); {
	case errors.Is(bad, fs.ErrNotExist):
		err = fmt.Errorf("%s: there is no such file or folder", named)
	case bad == nil && !st.IsDir():
		err = fmt.Errorf("%s is a file: name the folder that %s is in", named, filepath.Base(place(".", in)))
	}
	return withCode(exitFailure, err)
}

// contentFolder is the folder that a torrent's files lie in, where a person may have named
// the torrent's own file or folder instead.
func contentFolder(dir string, in *metainfo.Info) string {
	own := filepath.Base(place(dir, in))
	if _, err := os.Lstat(filepath.Join(dir, own)); err == nil {
		return dir
	}
	abs, err := filepath.Abs(dir)
	if err != nil || filepath.Base(abs) != own {
		return dir
	}
	if st, err := os.Stat(abs); err != nil || st.IsDir() != in.Multi() {
		return dir
	}
	return filepath.Dir(filepath.Clean(dir))
}

// tell reports what the check has found.
func (c *checker) tell(con *console, path string) error {
	sum := checkedEvent{ID: c.torrent.ID.String(), Path: path, Size: c.torrent.Info.Payload(), Pieces: c.torrent.Info.NumPieces()}
	for i, f := range c.torrent.Info.Files() {
		if f.Pad || f.Symlink {
			continue
		}
		found := c.file(i)
		sum.Files++
		con.Event(checkedFileEvent{newEvent("file"), sum.ID, f.Path, f.Length, found.state, ranges(found.wrong), text.Clean(found.why, 0)})
		if found.state == stateOK {
			continue
		}
		sum.WrongFiles++
		if sum.FirstFailure == "" {
			sum.FirstFailure = text.Clean(found.why, 0)
		}
		con.Result("%-8s %s  %s", found.state, text.Clean(f.Path, 0), found.words())
	}
	sum.Have, sum.WrongPieces = c.right()
	sum.OK = sum.WrongFiles == 0 && sum.WrongPieces == 0
	sum.event = newEvent("done") // after those of its files
	con.Event(sum)
	name := text.Clean(c.torrent.Info.Name(), 0)
	if sum.OK {
		con.Result("%-8s %s  %s in %s, %s: all as the torrent says", stateOK, name, text.Size(sum.Size), text.Count(sum.Files, "file"), text.Count(sum.Pieces, "piece"))
		return nil
	}
	con.Result("%-8s %s  %d of %s and %d of %s are wrong: %s of %s", "bad", name, sum.WrongFiles, text.Count(sum.Files, "file"),
		sum.WrongPieces, text.Count(sum.Pieces, "piece"), text.Size(sum.Size-sum.Have), text.Size(sum.Size))
	return withCode(exitDamaged, reported{errors.New("damaged")})
}

// maxRanges is how many ranges of pieces a person is shown.
const maxRanges = 8

// someRanges writes ascending numbers like "3-9, 12 and 40 more".
func someRanges(list []int) string {
	words := func(list []int) string { return strings.ReplaceAll(ranges(list), ",", ", ") }
	n := 0
	for i := range list {
		if i == 0 || list[i] != list[i-1]+1 {
			n++
		}
		if n > maxRanges {
			return fmt.Sprintf("%s and %d more", words(list[:i]), len(list)-i)
		}
	}
	return words(list)
}

// ranges writes ascending numbers as "3,7-9".
func ranges(list []int) string {
	var b strings.Builder
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, list[i])
		if j > i {
			fmt.Fprintf(&b, "-%d", list[j])
		}
		i = j + 1
	}
	return b.String()
}
