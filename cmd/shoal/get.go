package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// getOptions are the flags of get.
type getOptions struct {
	netFlags
	selection
	patience
	output      string
	inputs      []string
	list        bool
	onlyInfo    bool // --metadata-only
	save        string
	overwrite   bool
	preallocate bool
	keepSeeding bool
	sequential  bool
	onDone      string
	hook        []string // onDone in words
}

const getHelp = `Downloads what the sources name and ends when everything is there and was
checked. A SOURCE is a magnet link, an info hash, a .torrent file, a URL of one,
or - for a list of sources on standard input, one a line; --input reads such a
list from a file.

The files of a magnet link are told by its peers, which come from the DHT, the
local network, its trackers, its x.pe addresses and --peer. --metadata-only ends there and writes a .torrent
file, into the folder of --output or to --save-torrent. Without it, get goes on
and remembers what it was told: started again, it does not have to ask.

Run again after an interruption, get goes on where it stopped. A file that is
there already is checked first: what fits is kept. When nothing in it fits, get
stops with exit code 13 instead of writing over it, unless --overwrite is given.

--files, --only and --exclude choose files, which must pass all of them; --list
shows the numbers that --files takes, and what the patterns choose. --high and
--low say what comes first and last. ` + globHelp + `

Too little space at the start is exit code 9. When the disk fills up on the way,
get says so, waits, and goes on when there is space again; with --stall-timeout
or --deadline it ends with exit code 9 when that is over. Where no peer has what
is missing, these two end with exit code 6.

--on-done runs a command for each finished torrent. It is cut into words at
blanks, quotes keep blanks together, and no shell looks at it; what it needs to
know is in its environment: SHOAL_TORRENT_PATH, _NAME, _DIR, _ID, _SIZE, _FILES,
_DOWNLOADED, _SECONDS and _SOURCE, and under the names that Transmission's
scripts know. When it fails, get ends with exit code 1.

On USR1 get tells how far it is, on standard error.

Standard output has one line for each finished torrent: where it is, its size,
how long it took, the mean rate, and how much was sent for it.`

func newGet(con *console) *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:   "get SOURCE...",
		Short: "Download torrents into a folder, then end",
		Long:  getHelp,
		Example: `  shoal get debian.torrent
  shoal get 'magnet:?xt=urn:btih:...'                 quotes keep the shell away
  shoal get --metadata-only 'magnet:?xt=urn:btih:...'
  shoal get -o ~/Downloads https://example.org/debian.torrent
  shoal get --limit-down 2MB --limit-up 500kB debian.torrent
  shoal get --peer 192.0.2.7:6881 debian.torrent      ask this peer too
  shoal get --list album.torrent                      which files there are
  shoal get --files 1-3,8 album.torrent               some of them
  shoal get --only '*.flac' --exclude covers album.torrent
  shoal get --stall-timeout 10m --on-done 'notify-send "it is here"' debian.torrent
  shoal get --on-done "sh -c 'mv \"\$SHOAL_TORRENT_PATH\" /srv/done'" debian.torrent
  ls *.torrent | shoal get -                          several at once
  shoal get --json debian.torrent | jq .              for programs`,
		ValidArgsFunction: torrentFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd, con); err != nil {
				return err
			}
			list, err := sources(args, o.inputs, con.stdin)
			if err != nil {
				return err
			}
			if o.files != "" && len(list) > 1 {
				return withCode(exitUsage, errors.New("--files takes one torrent at a time; --only and --exclude take several"))
			}
			if o.save != "" && len(list) > 1 {
				return withCode(exitUsage, errors.New("--save-torrent takes one torrent at a time"))
			}
			switch {
			case o.list:
				return inform(cmd.Context(), con, &o, list, func(j *job) error { return j.list(con, &o, len(list) > 1) })
			case o.onlyInfo:
				return inform(cmd.Context(), con, &o, list, func(j *job) error { return j.keep(con, &o) })
			}
			return get(cmd.Context(), con, &o, list)
		},
	}
	o.register(cmd)
	return cmd
}

func (o *getOptions) register(cmd *cobra.Command) {
	o.netFlags.register(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", ".", "download into `DIR`")
	f.StringArrayVarP(&o.inputs, "input", "i", nil, "read sources from `FILE`, one a line, - for standard input; repeatable")
	o.selection.register(f)
	f.BoolVar(&o.list, "list", false, "print numbers, sizes and names of the files, and end")
	f.BoolVar(&o.onlyInfo, "metadata-only", false, "fetch the .torrent file of a magnet link, and end")
	f.StringVar(&o.save, "save-torrent", "", "write the .torrent file to `FILE`")
	f.BoolVar(&o.sequential, "sequential", false, "download from the beginning to the end")
	f.BoolVar(&o.overwrite, "overwrite", false, "write over files that hold something else")
	f.BoolVar(&o.preallocate, "preallocate", false, "reserve the disk space at the start")
	f.BoolVar(&o.keepSeeding, "keep-seeding", false, "go on serving when done, until interrupted")
	f.StringVar(&o.onDone, "on-done", "", "run `CMD`, a program and its arguments, for each finished torrent")
	o.patience.register(f)
	_ = cmd.MarkFlagDirname("output")
}

func (o *getOptions) check(cmd *cobra.Command, con *console) (err error) {
	if err := errors.Join(o.selection.check(), o.patience.check()); err != nil {
		return withCode(exitUsage, err)
	}
	if o.onDone != "" {
		if o.hook, err = parseHook(o.onDone); err != nil {
			return withCode(exitUsage, fmt.Errorf("--on-done: %w", err))
		}
	}
	return o.netFlags.check(cmd, con)
}
