// Which sources of sound this browser has.
export const canShareTab = () => Boolean(navigator.mediaDevices?.getDisplayMedia);

export async function devices() {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.filter((device) => device.kind === "audioinput" && device.deviceId);
}
