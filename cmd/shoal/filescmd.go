package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"shoal/rpc"
	"shoal/status"
)

// filesOptions are the flags of files: lists of files, and what becomes of them.
type filesOptions struct {
	remote
	want, skip, high, low, normal string
}

func newFiles(con *console) *cobra.Command {
	o := filesOptions{remote: remote{con: con}}
	cmd := o.command(&cobra.Command{
		Use:   "files ID",
		Short: "Show the files of a torrent, or choose among them",
		Long: `Shows the files of a torrent with their numbers. With flags it says which of them are downloaded, and which of these come first. A LIST
is numbers and ranges like 1-3,8 or 5-, or all. Where a file is in several lists, the last of --skip, --want, --low, --normal and --high counts.`,
		Example: `  shoal files 3
  shoal files 3 --skip all --want 1-3,8
  shoal files 3 --high 1 --low 5-`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeFirst,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	})
	f := cmd.Flags()
	f.StringVar(&o.want, "want", "", "download the files of `LIST`")
	f.StringVar(&o.skip, "skip", "", "do not download the files of `LIST`")
	f.StringVar(&o.high, "high", "", "download the files of `LIST` before the others")
	f.StringVar(&o.low, "low", "", "download the files of `LIST` after the others")
	f.StringVar(&o.normal, "normal", "", "download the files of `LIST`, neither first nor last")
	return cmd
}

func (o *filesOptions) run(ctx context.Context, word string) error {
	return o.with(ctx, func(ctx context.Context, c *rpc.Client) error {
		e, err := o.one(ctx, c, word)
		if err != nil {
			return err
		}
		if o.want+o.skip+o.high+o.low+o.normal == "" {
			return o.showFiles(ctx, c, &e)
		}
		files, err := c.Files(ctx, e.ID)
		if err != nil {
			return err
		}
		changes, err := o.changes(files)
		if err != nil {
			return withCode(exitUsage, err)
		}
		if err := c.Change(ctx, e.ID, status.Change{Files: changes}); err != nil {
			return err
		}
		o.did("changed", &e)
		return nil
	})
}

// changes are the priorities by file that the flags ask for. A wanted file keeps its own.
func (o *filesOptions) changes(files []status.File) (map[int]uint8, error) {
	changes := map[int]uint8{}
	for _, l := range []struct {
		flag, list string
		priority   uint8
	}{{"--skip", o.skip, 0}, {"--want", o.want, 0}, {"--low", o.low, 1}, {"--normal", o.normal, 2}, {"--high", o.high, 3}} {
		switch l.list {
		case "":
			continue
		case "all":
			l.list = "1-"
		}
		chosen, err := parseFileList(l.list, len(files))
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w; `shoal files` with no flag shows them", l.flag, l.list, err)
		}
		for i, yes := range chosen {
			if !yes {
				continue
			}
			p := l.priority
			if l.flag == "--want" {
				if p = files[i].Priority; p == 0 {
					p = 2
				}
			}
			changes[i] = p
		}
	}
	if len(changes) == 0 {
		return nil, errors.New("no file is chosen")
	}
	return changes, nil
}
