//! What NetworkManager says of the network, over D-Bus.

use zbus::proxy::{Builder, CacheProperties, MethodFlags};
use zbus::zvariant::OwnedValue;
use zbus::{Connection, Proxy};

use super::health::Answer;

const SERVICE: &str = "org.freedesktop.NetworkManager";
const PATH: &str = "/org/freedesktop/NetworkManager";

/// Asks for NetworkManager's Connectivity; where it does not check that, for its State. Does not start it.
pub(crate) async fn connectivity() -> Answer {
    let bus = Connection::system().await.map_err(|error| format!("there is no system bus: {error}"))?;
    let properties = Builder::<Proxy<'_>>::new(&bus)
        .destination(SERVICE)
        .and_then(|builder| builder.path(PATH))
        .and_then(|builder| builder.interface("org.freedesktop.DBus.Properties"))
        .map_err(|error| error.to_string())?
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .map_err(|error| error.to_string())?;
    let get = async |name: &str| -> Result<u32, String> {
        let answer = properties.call_with_flags("Get", MethodFlags::NoAutoStart.into(), &(SERVICE, name)).await;
        let value: Option<OwnedValue> = answer.map_err(|error| format!("NetworkManager does not answer: {error}"))?;
        value.and_then(|value| u32::try_from(value).ok()).ok_or_else(|| format!("NetworkManager has no {name}"))
    };
    // The numbers of NMConnectivityState and NMState.
    match get("Connectivity").await? {
        4 => Ok("NetworkManager says: full connectivity".to_owned()),
        3 => Err("NetworkManager says: connected, but the internet cannot be reached".to_owned()),
        2 => Err("NetworkManager says: a captive portal asks for something first".to_owned()),
        1 => Err("NetworkManager says: not connected to any network".to_owned()),
        _ => match get("State").await? {
            70 => Ok("NetworkManager says: connected; it does not check the internet".to_owned()),
            50 | 60 => Err("NetworkManager says: connected to the local network only".to_owned()),
            40 => Err("NetworkManager says: connecting".to_owned()),
            10 => Err("NetworkManager says: networking is switched off, or the machine sleeps".to_owned()),
            _ => Err("NetworkManager says: disconnected".to_owned()),
        },
    }
}
