// A short tone for an alert, made by the page itself: nothing is loaded.

const TONE_HZ = 880;
const LOUDNESS = 0.12;
const LENGTH_S = 0.25;

let made: AudioContext | null = null;

/** Browsers let a page sound only after its reader has pressed something on it; until then this is silent. */
export function beep(): void {
  if (typeof AudioContext === "undefined") return;
  made ??= new AudioContext();
  void made.resume();
  const start = made.currentTime;
  const loudness = made.createGain();
  loudness.gain.setValueAtTime(LOUDNESS, start);
  loudness.gain.exponentialRampToValueAtTime(0.001, start + LENGTH_S);
  const tone = made.createOscillator();
  tone.frequency.value = TONE_HZ;
  tone.connect(loudness).connect(made.destination);
  tone.start(start);
  tone.stop(start + LENGTH_S);
}
