package rpc

import (
	"fmt"
	"math"
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// wireTorrent is a torrent as torrent-get tells it in the old dialect.
type wireTorrent struct {
	ID       wireInt  `json:"id"`
	Hash     string   `json:"hashString"`
	Name     string   `json:"name"`
	Dir      string   `json:"downloadDir"`
	Status   wireInt  `json:"status"`
	ErrKind  wireInt  `json:"error"`
	Err      string   `json:"errorString"`
	Finished wireBool `json:"isFinished"`
	Stalled  wireBool `json:"isStalled"`
	Private  wireBool `json:"isPrivate"`

	Size       wireInt `json:"totalSize"`
	Wanted     wireInt `json:"sizeWhenDone"`
	Left       wireInt `json:"leftUntilDone"`
	Valid      wireInt `json:"haveValid"`
	Available  wireInt `json:"desiredAvailable"`
	Downloaded wireInt `json:"downloadedEver"`
	Uploaded   wireInt `json:"uploadedEver"`
	Corrupt    wireInt `json:"corruptEver"`
	Pieces     wireInt `json:"pieceCount"`
	PieceSize  wireInt `json:"pieceSize"`
	Checked    float64 `json:"recheckProgress"`
	Meta       float64 `json:"metadataPercentComplete"`
	Down       wireInt `json:"rateDownload"`
	Up         wireInt `json:"rateUpload"`
	ETA        wireInt `json:"eta"`
	Queue      wireInt `json:"queuePosition"`

	Added       wireInt `json:"addedDate"`
	Started     wireInt `json:"startDate"`
	Done        wireInt `json:"doneDate"`
	Active      wireInt `json:"activityDate"`
	Created     wireInt `json:"dateCreated"`
	Downloading wireInt `json:"secondsDownloading"`
	Seeding     wireInt `json:"secondsSeeding"`

	Peers     wireInt     `json:"peersConnected"`
	Sending   wireInt     `json:"peersSendingToUs"`
	Receiving wireInt     `json:"peersGettingFromUs"`
	From      wireSources `json:"peersFrom"`

	Priority    wireInt  `json:"bandwidthPriority"`
	DownLimit   wireInt  `json:"downloadLimit"`
	DownLimited wireBool `json:"downloadLimited"`
	UpLimit     wireInt  `json:"uploadLimit"`
	UpLimited   wireBool `json:"uploadLimited"`
	Honors      wireBool `json:"honorsSessionLimits"`
	PeerLimit   wireInt  `json:"peer-limit"`
	RatioLimit  float64  `json:"seedRatioLimit"`
	RatioMode   wireInt  `json:"seedRatioMode"`
	IdleLimit   wireInt  `json:"seedIdleLimit"`
	IdleMode    wireInt  `json:"seedIdleMode"`

	Comment     string        `json:"comment"`
	Creator     string        `json:"creator"`
	TorrentFile string        `json:"torrentFile"`
	Trackers    []wireTracker `json:"trackers"`

	Labels     []string `json:"labels" rpc:"16"`
	Group      string   `json:"group" rpc:"17"`
	Files      wireInt  `json:"file-count" rpc:"17"`
	Sequential wireBool `json:"sequential_download" rpc:"18"`

	Phase        string       `json:"shoal_phase" rpc:"0"`
	Stopped      wireBool     `json:"shoal_stopped" rpc:"0"`
	Waiting      wireBool     `json:"shoal_waiting" rpc:"0"`
	Verifying    wireBool     `json:"shoal_verifying" rpc:"0"`
	ExactDown    wireInt      `json:"shoal_down_limit" rpc:"0"`
	ExactUp      wireInt      `json:"shoal_up_limit" rpc:"0"`
	IdleSeconds  wireInt      `json:"shoal_idle_seconds" rpc:"0"`
	SeedTime     wireInt      `json:"shoal_seed_time_limit" rpc:"0"`
	SeedTimeMode wireInt      `json:"shoal_seed_time_mode" rpc:"0"`
	Metadata     wireMetadata `json:"shoal_metadata" rpc:"0"`
	PiecesHave   wireInt      `json:"shoal_pieces_have" rpc:"0"`
	Wasted       wireInt      `json:"shoal_wasted" rpc:"0"`
	FailedPieces wireInt      `json:"shoal_failed_pieces" rpc:"0"`
	Seeds        wireInt      `json:"shoal_seeds" rpc:"0"`
	Choking      wireInt      `json:"shoal_peers_choking" rpc:"0"`
	Interested   wireInt      `json:"shoal_interested" rpc:"0"`
	Dialing      wireInt      `json:"shoal_dialing" rpc:"0"`
	Candidates   wireInt      `json:"shoal_candidates" rpc:"0"`
	Banned       wireInt      `json:"shoal_banned" rpc:"0"`
	OwnPeers     wireInt      `json:"shoal_peer_limit" rpc:"0"`
	Time         wireCauses   `json:"shoal_time" rpc:"0"`
}

type wireTracker struct {
	ID       wireInt `json:"id"`
	Announce string  `json:"announce"`
	Tier     wireInt `json:"tier"`
}

type wireSources struct {
	Cache    wireInt `json:"fromCache"`
	DHT      wireInt `json:"fromDht"`
	Incoming wireInt `json:"fromIncoming"`
	Local    wireInt `json:"fromLpd"`
	User     wireInt `json:"fromLtep"`
	PEX      wireInt `json:"fromPex"`
	Tracker  wireInt `json:"fromTracker"`
}

type wireMetadata struct {
	Pieces wireInt `json:"pieces"`
	Have   wireInt `json:"have"`
	Asked  wireInt `json:"asked"`
}

// wireCauses are milliseconds by the name of the cause.
type wireCauses struct {
	All    map[string]wireInt `json:"all"`
	Minute map[string]wireInt `json:"minute"`
	Lately map[string]wireInt `json:"lately"`
}

// entry is what the torrent is to an Engine.
func (w *wireTorrent) entry(d daemon) (status.Entry, error) {
	id, err := metainfo.ParseID(w.Hash)
	if err != nil {
		return status.Entry{}, fmt.Errorf("torrent-get: %w: a torrent has no info hash", ErrAnswer)
	}
	e := status.Entry{Torrent: status.Torrent{ID: id, Name: w.Name, Dir: w.Dir,
		Size: int64(w.Size), Wanted: int64(w.Wanted), Have: int64(max(0, w.Wanted-w.Left)), Checked: share01(w.Checked),
		Pieces: w.Pieces.int(), PieceLength: w.PieceSize.int(), Private: bool(w.Private),
		Down: int64(w.Down), Up: int64(w.Up), DownTotal: int64(w.Downloaded), UpTotal: int64(w.Uploaded),
		Peers: w.Peers.int(), PeersSending: w.Sending.int(), PeersReceiving: w.Receiving.int(), ETA: -1,
		Added: w.Added.unix(), Finished: w.Done.unix()},
		Number: w.ID.int(), Stalled: bool(w.Stalled), GoalReached: bool(w.Finished), QueuePosition: w.Queue.int(),
		Labels: slices.Sorted(slices.Values(w.Labels)), Group: w.Group, DownLimit: w.DownLimit.rate(w.DownLimited), UpLimit: w.UpLimit.rate(w.UpLimited),
		Exempt: !bool(w.Honors), MaxPeers: w.PeerLimit.int(), Priority: int8(min(max(w.Priority, -1), 1)), Sequential: bool(w.Sequential),
		Ratio: goalOf(w.RatioMode, w.RatioLimit), Idle: goalOf(w.IdleMode, w.IdleLimit.times(time.Minute)),
		Files:   w.Files.int(),
		Started: w.Started.unix(), Downloading: w.Downloading.times(time.Second), Seeding: w.Seeding.times(time.Second),
		TorrentFile: w.TorrentFile, Trackers: tiersOf(w.Trackers), Comment: w.Comment, Creator: w.Creator, Created: w.Created.unix(),
	}
	e.Corrupt, e.Available, e.Active = int64(w.Corrupt), int64(w.Available), w.Active.unix()
	e.From = status.Sources{Tracker: w.From.Tracker.int(), DHT: w.From.DHT.int(), PEX: w.From.PEX.int(), Local: w.From.Local.int(),
		Incoming: w.From.Incoming.int(), User: w.From.User.int()}
	if w.ETA >= 0 {
		e.ETA = w.ETA.times(time.Second)
	}
	if w.ErrKind != 0 {
		e.Err = w.Err
	}
	if d.shoal {
		w.more(&e)
	} else {
		w.guess(&e)
	}
	return e, nil
}

// share01 is a share, 0 for what is none.
func share01(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return min(max(f, 0), 1)
}

// goalOf is a goal as mode and value.
func goalOf[T any](mode wireInt, value T) status.Goal[T] {
	switch mode {
	case 1:
		return status.Goal[T]{Mode: status.GoalOwn, Value: value}
	case 2:
		return status.Goal[T]{Mode: status.GoalNone}
	}
	return status.Goal[T]{}
}

// tiersOf groups trackers by their tiers.
func tiersOf(list []wireTracker) (tiers [][]string) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b wireTracker) int { return int(max(-1, min(1, a.Tier-b.Tier))) })
	for i, t := range list {
		if i == 0 || t.Tier != list[i-1].Tier {
			tiers = append(tiers, nil)
		}
		tiers[len(tiers)-1] = append(tiers[len(tiers)-1], t.Announce)
	}
	return tiers
}

// phases are the phases by their words.
var phases = func() map[string]status.Phase {
	m := map[string]status.Phase{}
	for p := status.Opening; p <= status.Failed; p++ {
		m[p.String()] = p
	}
	return m
}()

// more fills in what only shoal tells.
func (w *wireTorrent) more(e *status.Entry) {
	e.Phase = phases[w.Phase]
	e.Stopped, e.Waiting, e.Verifying = bool(w.Stopped), bool(w.Waiting), bool(w.Verifying)
	e.DownLimit, e.UpLimit, e.MaxPeers = int64(w.ExactDown), int64(w.ExactUp), w.OwnPeers.int()
	if e.Idle.Mode == status.GoalOwn {
		e.Idle.Value = w.IdleSeconds.times(time.Second)
	}
	e.SeedTime = goalOf(w.SeedTimeMode, w.SeedTime.times(time.Second))
	e.Metadata, e.MetadataHave, e.Asked = w.Metadata.Pieces.int(), w.Metadata.Have.int(), w.Metadata.Asked.int()
	e.PiecesHave, e.FailedPieces, e.Wasted = w.PiecesHave.int(), w.FailedPieces.int(), int64(w.Wasted)
	e.Seeds, e.PeersChoking, e.Interested = w.Seeds.int(), w.Choking.int(), w.Interested.int()
	e.Dialing, e.Candidates, e.Banned = w.Dialing.int(), w.Candidates.int(), w.Banned.int()
	for c := range status.NumCauses {
		name := status.Cause(c).String()
		e.Time.All[c] = w.Time.All[name].times(time.Millisecond)
		e.Time.Minute[c] = w.Time.Minute[name].times(time.Millisecond)
		e.Time.Lately[c] = w.Time.Lately[name].times(time.Millisecond)
	}
}

// guess makes of Transmission's states those of shoal.
func (w *wireTorrent) guess(e *status.Entry) {
	if e.Pieces > 0 && e.PieceLength > 0 && e.Size > 0 {
		e.PiecesHave = min(e.Pieces, int(int64(w.Valid)/int64(e.PieceLength)))
		if int64(w.Valid) >= e.Size {
			e.PiecesHave = e.Pieces
		}
	}
	switch w.Status {
	case trStopped:
		e.Phase, e.Stopped = status.Paused, true
		if w.ErrKind == localError {
			e.Phase = status.Failed
		}
	case trCheckWait:
		e.Phase, e.Verifying = status.Paused, true
	case trCheck:
		e.Phase = status.Checking
	case trDownloadWait, trSeedWait:
		e.Phase, e.Waiting = status.Paused, true
	case trSeed:
		e.Phase = status.Seeding
		if e.Have < e.Size {
			e.Phase = status.Partial
		}
	default:
		e.Phase = status.Leeching
		if w.Meta < 1 {
			e.Phase = status.Metadata
		}
	}
}

// localError is the kind of error that stops a torrent, as against those of trackers.
const localError = 3
