package notmuch

import (
	"context"
	"errors"
	"os/exec"
)

// Outside returns those of some folders that are not in notmuch's care, and where
// that ends: below root. It is an error where there is no notmuch, or none that
// can be asked.
func Outside(ctx context.Context, home string, folders []string) (outside []string, root string, err error) {
	if _, err := exec.LookPath("notmuch"); err != nil {
		return nil, "", err
	}
	u := &update{Options: Options{Home: home}}
	s, err := newSettings(func(key string) ([]string, error) { return u.get(ctx, key) })
	if err != nil {
		return nil, "", err
	}
	if s.root == "" {
		return nil, "", errors.New("it has no database.path")
	}
	for _, dir := range folders {
		_, in := s.place(dir)
		if !in && resolve(dir) != resolve(s.root) {
			outside = append(outside, dir)
		}
	}
	return outside, s.root, nil
}
