package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/rpc"
	"shoal/status"
)

// edited is one change of a list of words by the flags --add, --remove and --set.
type edited struct {
	add, remove, set []string
	setGiven         bool
}

func (w *edited) register(cmd *cobra.Command, what string) {
	f := cmd.Flags()
	f.StringArrayVar(&w.add, "add", nil, "add this `"+what+"`; repeatable")
	f.StringArrayVar(&w.remove, "remove", nil, "take this `"+what+"` away; repeatable")
	f.StringArrayVar(&w.set, "set", nil, "replace all by this `"+what+"`; repeatable, '' for none")
}

func (w *edited) check(cmd *cobra.Command) error {
	w.setGiven = cmd.Flags().Changed("set")
	w.set = slices.DeleteFunc(w.set, func(s string) bool { return s == "" })
	if len(w.add)+len(w.remove) == 0 && !w.setGiven {
		return withCode(exitUsage, errors.New("nothing to change: give --add, --remove or --set"))
	}
	return nil
}

// labels are the labels of a torrent after the change, sorted.
func (w *edited) labels(have []string) []string {
	list := slices.Clone(have)
	if w.setGiven {
		list = slices.Clone(w.set)
	}
	list = append(list, w.add...)
	list = slices.DeleteFunc(list, func(l string) bool { return slices.Contains(w.remove, l) })
	slices.Sort(list)
	return slices.Compact(list)
}

// trackers are the tiers of a torrent after the change: words of --set and --add are tiers, with blanks between URLs of the same one.
func (w *edited) trackers(have [][]string) [][]string {
	tiers := have
	if w.setGiven {
		tiers = nil
		for _, s := range w.set {
			tiers = append(tiers, strings.Fields(s))
		}
	}
	known := map[string]bool{}
	var list [][]string
	for _, tier := range tiers {
		var kept []string
		for _, u := range tier {
			if !slices.Contains(w.remove, u) && !slices.Contains(w.remove, "all") && !known[u] {
				kept = append(kept, u)
				known[u] = true
			}
		}
		if len(kept) > 0 {
			list = append(list, kept)
		}
	}
	for _, s := range w.add {
		tier := slices.DeleteFunc(strings.Fields(s), func(u string) bool {
			seen := known[u]
			known[u] = true
			return seen
		})
		if len(tier) > 0 {
			list = append(list, tier)
		}
	}
	return list
}

func newLabel(con *console) *cobra.Command {
	r := remote{con: con}
	var w edited
	cmd := r.picking(&cobra.Command{
		Use:   "label ID...",
		Short: "Change the labels of torrents",
		Long:  `Adds labels to torrents, takes them away or replaces them.`,
		Example: `  shoal label 3 --add linux --add iso
  shoal label all --remove old
  shoal label --filter 'tracker:example.org' --set site`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := w.check(cmd); err != nil {
				return err
			}
			for _, l := range slices.Concat(w.add, w.set) {
				if strings.Contains(l, ",") {
					return withCode(exitUsage, fmt.Errorf("a label has no comma: name each of %q with a flag of its own", text.Clean(l, 80)))
				}
			}
			return r.each(cmd.Context(), args, "labelled", func(ctx context.Context, c *rpc.Client, e *status.Entry) error {
				labels := w.labels(e.Labels)
				return c.Change(ctx, e.ID, status.Change{Labels: &labels})
			})
		},
	})
	w.register(cmd, "LABEL")
	r.offerWords(cmd, "remove", labelsOf)
	return cmd
}

func newTrackers(con *console) *cobra.Command {
	r := remote{con: con}
	var w edited
	cmd := r.picking(&cobra.Command{
		Use:   "trackers ID...",
		Short: "Show or change the trackers of torrents",
		Long: `Shows what came of asking the trackers of torrents. With flags it changes the trackers: each --add and --set is a tier, and URLs of
the same tier stand in one word with blanks between them. --remove all takes all away.`,
		Example: `  shoal trackers 3
  shoal trackers 3 --add udp://t.example:6969
  shoal trackers all --remove http://old.example/announce`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(w.add)+len(w.remove) == 0 && !cmd.Flags().Changed("set") {
				return r.each(cmd.Context(), args, "", func(ctx context.Context, c *rpc.Client, e *status.Entry) error {
					r.con.Result("%s", text.Clean(e.Name, 0))
					return r.showTrackers(ctx, c, e)
				})
			}
			if err := w.check(cmd); err != nil {
				return err
			}
			for _, s := range slices.Concat(w.add, w.set) {
				for _, u := range strings.Fields(s) {
					if _, err := metainfo.CheckTracker(u); err != nil {
						return badTracker(u, err)
					}
				}
			}
			return r.each(cmd.Context(), args, "changed", func(ctx context.Context, c *rpc.Client, e *status.Entry) error {
				tiers := w.trackers(e.Trackers)
				return c.Change(ctx, e.ID, status.Change{Trackers: &tiers})
			})
		},
	})
	w.register(cmd, "URL")
	r.offerWords(cmd, "remove", trackersOf)
	return cmd
}

func newPriority(con *console) *cobra.Command {
	r := remote{con: con}
	words := map[string]int8{"low": -1, "normal": 0, "high": 1}
	cmd := r.picking(&cobra.Command{
		Use:   "priority low|normal|high ID...",
		Short: "Set the priority of torrents against each other",
		Long:  `Sets which torrents come first where they share a limit. For the files of one torrent there is ` + "`shoal files`.",
		Example: `  shoal priority high 3
  shoal priority low --filter 'label:later'`,
		ValidArgsFunction: r.after("low", "normal", "high"),
		RunE: func(cmd *cobra.Command, args []string) error {
			word, args, err := firstOf(args, "low", "normal", "high")
			if err != nil {
				return err
			}
			p := words[word]
			return r.each(cmd.Context(), args, "priority "+word, func(ctx context.Context, c *rpc.Client, e *status.Entry) error {
				return c.Change(ctx, e.ID, status.Change{Priority: &p})
			})
		},
	})
	return cmd
}

func newQueue(con *console) *cobra.Command {
	r := remote{con: con}
	words := map[string]status.QueueMove{"top": status.QueueTop, "up": status.QueueUp, "down": status.QueueDown, "bottom": status.QueueBottom}
	cmd := r.picking(&cobra.Command{
		Use:   "queue top|up|down|bottom ID...",
		Short: "Move torrents within the queue",
		Long:  `Moves torrents within the queue of a daemon. Among themselves they keep their order.`,
		Example: `  shoal queue top 3
  shoal queue bottom --filter 'size>50GB'`,
		ValidArgsFunction: r.after("top", "up", "down", "bottom"),
		RunE: func(cmd *cobra.Command, args []string) error {
			word, args, err := firstOf(args, "top", "up", "down", "bottom")
			if err != nil {
				return err
			}
			return r.with(cmd.Context(), func(ctx context.Context, c *rpc.Client) error {
				list, missing, err := r.choose(ctx, c, args)
				if err != nil {
					return err
				}
				ids := make([]metainfo.ID, len(list))
				for i := range list {
					ids[i] = list[i].ID
				}
				if err := c.Queue(ctx, ids, words[word]); err != nil {
					return err
				}
				return r.all(ctx, c, list, missing, "moved "+word, func(context.Context, *rpc.Client, *status.Entry) error { return nil })
			})
		},
	})
	return cmd
}

// firstOf takes the first argument, which is one of words, off the others.
func firstOf(args []string, words ...string) (string, []string, error) {
	if len(args) == 0 {
		return "", nil, withCode(exitUsage, fmt.Errorf("the first word is missing: one of %s", strings.Join(words, ", ")))
	}
	if !slices.Contains(words, args[0]) {
		return "", nil, withCode(exitUsage, fmt.Errorf("%q: the first word is one of %s", text.Clean(args[0], 40), strings.Join(words, ", ")))
	}
	return args[0], args[1:], nil
}

// after completes one of words, and torrents after that.
func (r *remote) after(words ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return words, cobra.ShellCompDirectiveNoFileComp
		}
		return r.completeIDs(cmd, args[1:], begun)
	}
}
