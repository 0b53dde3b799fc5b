// Shared memory needs a cross-origin isolated page, which takes two response headers. Where the host does not send
// them, this file registers itself as the page's service worker, which adds them to everything the page loads.

const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

if (typeof window === 'undefined') {
  self.addEventListener('install', () => self.skipWaiting());
  self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
  self.addEventListener('fetch', (event) => {
    const request = event.request;
    // Chromium refuses to answer these from a service worker.
    if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return;
    if (new URL(request.url).origin !== self.location.origin) return;
    event.respondWith(fetch(request).then((response) => {
      if (response.status === 0) return response;
      const isolated = new Headers(response.headers);
      for (const [name, value] of Object.entries(headers)) isolated.set(name, value);
      return new Response(response.body, { status: response.status, statusText: response.statusText, headers: isolated });
    }));
  });
} else if (!window.crossOriginIsolated && window.isSecureContext && 'serviceWorker' in navigator) {
  const tried = 'ewald-isolation-tried';
  navigator.serviceWorker.register(document.currentScript.src).then(async () => {
    await navigator.serviceWorker.ready;
    // Loading once more lets the worker answer; twice would be a loop, so the page then says what is wrong.
    if (!sessionStorage.getItem(tried)) {
      sessionStorage.setItem(tried, 'yes');
      window.location.reload();
    }
  }, (error) => console.warn(`No service worker, so no threads: ${error}`));
} else if (window.crossOriginIsolated) {
  sessionStorage.removeItem('ewald-isolation-tried');
}
