package sampling

// Held is how many traces are held.
func (k *Keeper) Held() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.oldest.Len()
}
