package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/filter"
	"shoal/internal/text"
	"shoal/rpc"
	"shoal/status"
)

// listOptions are the flags of list.
type listOptions struct {
	remote
	sort    string
	columns string
	watch   time.Duration
}

// defaultColumns are what list shows.
const defaultColumns = "id,state,done,size,down,up,ratio,eta,name"

func newList(con *console) *cobra.Command {
	o := listOptions{remote: remote{con: con}}
	cmd := o.command(&cobra.Command{
		Use:   "list [ID...]",
		Short: "List the torrents of a daemon",
		Long: `Lists the torrents of a daemon, one a line, fitted to the terminal. With --watch the list is
drawn again until you press Ctrl-C.

Columns and what --sort takes: ` + strings.Join(columnNames(), ", ") + `.
--sort -KEY turns the order round.` + pickHelp + `

` + filterHelp(),
		Example: `  shoal list
  shoal list --filter 'state:downloading or state:error' --sort -down
  shoal list --columns id,name,labels,dir --watch 1s
  shoal list --filter 'label:linux ratio>=2 size>1GB'
  shoal list --json | jq -r 'select(.have < .wanted) | .name'`,
		ValidArgsFunction: o.completeIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args)
		},
	})
	o.filters(cmd)
	f := cmd.Flags()
	f.StringVar(&o.sort, "sort", "id", "order by `KEY`, a column; -KEY for the other way round")
	f.StringVar(&o.columns, "columns", defaultColumns, "show these columns, a `LIST` with commas")
	f.DurationVar(&o.watch, "watch", 0, "show the list again every `TIME`")
	_ = f.SetAnnotation("watch", ownMeaning, []string{"time"}) // that of the daemon names folders
	choices(cmd, "sort", columnNames()...)
	complete(cmd, "columns", completeColumns)
	return cmd
}

// filterHelp explains the language of --filter.
func filterHelp() string {
	var b strings.Builder
	b.WriteString("Filters: a word is in the name; KEY:WORD asks for text, KEY<NUMBER, <=, >, >=, = for numbers. Tests follow each other, all must hold; " +
		"or, not, ! and brackets combine them, and double quotes keep blanks together.\n")
	for _, key := range slices.Sorted(maps.Keys(filter.Fields)) {
		fmt.Fprintf(&b, "\n  %-9s %s", key, filter.Fields[key].Doc)
	}
	return b.String() + "\n\nStates: " + strings.Join(filter.States, ", ") +
		". A torrent is partial when all that was chosen of it is there; that is seeded."
}

func (o *listOptions) run(ctx context.Context, args []string) error {
	cols, err := columnsOf(o.columns)
	if err != nil {
		return err
	}
	order, err := orderOf(o.sort)
	switch {
	case err != nil:
		return err
	case o.watch < 0:
		return withCode(exitUsage, errors.New("--watch: name a time above 0"))
	}
	if len(args) == 0 && !o.filtered() {
		args = []string{"all"}
	}
	return o.with(ctx, func(ctx context.Context, c *rpc.Client) error {
		for {
			err := o.show(ctx, c, args, cols, order)
			if o.watch == 0 || err != nil && !errors.Is(err, rpc.ErrUnreachable) {
				return err
			}
			if err != nil {
				o.con.Warn("%v; asking again", err)
			}
			select {
			case <-ctx.Done():
				return nil // watching has no other end
			case <-time.After(o.watch):
			}
		}
	})
}

// show lists the torrents once.
func (o *listOptions) show(ctx context.Context, c *rpc.Client, args []string, cols []*listColumn, order func(a, b *status.Entry) int) error {
	list, missing, err := o.choose(ctx, c, args)
	if errors.Is(err, status.ErrUnknown) && len(args) == 0 { // a filter may choose none
		err = nil
	}
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, func(a, b status.Entry) int { return order(&a, &b) })
	if o.watch > 0 && isTerminal(o.con.stdout) && !o.con.json {
		o.con.Result("\x1b[H\x1b[2J%s at %s, %s", text.Count(len(list), "torrent"), c.Address(), time.Now().Format(time.TimeOnly))
	}
	for i := range list {
		o.con.Event(entryEventOf(&list[i]))
	}
	heads := make([]column, len(cols))
	rows := make([][]string, len(list))
	for i, col := range cols {
		heads[i] = column{strings.ToUpper(col.name), col.left, col.wide}
		for j := range list {
			rows[j] = append(rows[j], col.text(&list[j]))
		}
	}
	o.con.table(heads, rows)
	switch {
	case len(list) > 0 || len(missing) > 0:
	case o.filtered():
		o.con.Note("no torrent fits the filter")
	default:
		o.con.Note("no torrents; `shoal add` adds one")
	}
	failed := failures{con: o.con}
	for _, err := range missing {
		failed.add("", err)
	}
	return failed.verdict(len(list) + len(missing))
}
