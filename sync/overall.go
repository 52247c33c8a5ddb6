package sync

import "smd-applet/sync/fault"

// overall sums s up: the most urgent of the states that hold. What is urgent
// must not hide that something moves, so the conditions are narrow:
//
//   - Attention holds while the configuration or an endpoint has a problem that
//     is not the network's.
//   - Offline holds while an endpoint that is not paused waits for the network, or
//     its last run failed for that, and no endpoint is at work. Trying to connect again is not
//     yet work: otherwise the icon would flicker at every retry.
//   - Paused holds while all endpoints are paused, or wait for a network that is
//     not metered, and none is at work (an explicit request runs even then).
//   - Syncing holds while an endpoint is at work.
func overall(s State) Overall {
	attention, offline, working := s.Setup != nil, false, false
	paused := len(s.Endpoints) > 0
	for _, ep := range s.Endpoints {
		cut := ep.LastError != nil && ep.LastError.Kind == fault.Network
		if ep.Problem != nil && ep.Problem.Err.Kind != fault.Network {
			attention = true
		}
		if ep.Progress.Phase != PhaseIdle && (!cut || ep.Progress.Phase != PhaseConnecting) {
			working = true
		}
		offline = offline || (cut || ep.Waiting == WaitOffline) && !ep.Paused
		paused = paused && (ep.Paused || ep.Waiting == WaitMetered)
	}
	switch {
	case attention:
		return Attention
	case working:
		return Syncing
	case offline:
		return Offline
	case paused:
		return Paused
	default:
		return Idle
	}
}
