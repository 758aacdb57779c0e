//! Numbers that look like chance and are the same at every run: a hash of a seed and of what is asked for.

/// Mixes one number into a well-spread one (the finaliser of splitmix64).
#[must_use]
pub fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A number for a text under a seed (FNV-1a, then mixed).
#[must_use]
pub fn hash(seed: u64, text: &str) -> u64 {
    let folded = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    mix(seed ^ folded)
}

/// A fraction from 0 up to 1 for a hash.
#[must_use]
pub fn fraction(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// `digits` lower-case hexadecimal digits for a text under a seed, e.g. a commit's 40.
#[must_use]
pub fn hex(seed: u64, text: &str, digits: usize) -> String {
    let words = (0_u64..).map(|part| format!("{:016x}", hash(seed ^ mix(part), text)));
    words.take(digits.div_ceil(16)).collect::<String>().chars().take(digits).collect()
}

/// A suffix as Kubernetes makes them for pods: `length` letters and digits without vowels.
#[must_use]
pub fn suffix(seed: u64, text: &str, length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = hash(seed, text);
    std::iter::repeat_with(|| {
        let at = usize::try_from(rest % 27).unwrap_or(0);
        rest = mix(rest);
        LETTERS.get(at).map_or('x', |letter| char::from(*letter))
    })
    .take(length)
    .collect()
}

/// A universally unique identifier (version 4 in form) for a text under a seed.
#[must_use]
pub fn uuid(seed: u64, text: &str) -> String {
    let high = hash(seed, text);
    let low = mix(high);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0x0fff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_text_give_the_same_name_and_another_seed_another() {
        assert_eq!(suffix(7, "pod", 5), suffix(7, "pod", 5));
        assert_ne!(suffix(7, "pod", 5), suffix(8, "pod", 5));
        assert_eq!(hex(7, "commit", 40).len(), 40);
        assert_eq!(uuid(7, "pod").len(), 36);
    }
}
