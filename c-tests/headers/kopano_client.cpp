// SPDX-License-Identifier: MIT OR Apache-2.0
// A client of Kopano's headers. Kopano's IUnknown keeps its layout, and our interfaces keep that of COM.
#include "kopano_like.h"

#include <mapioffline.h>
#include <mapioffline/windows_compat.h> // adds nothing that they have

#include "neighbours.h"

#include <type_traits>

static_assert(!std::is_base_of<IUnknown, IMAPIOffline>::value, "our interfaces do not begin with that IUnknown");
static_assert(!std::has_virtual_destructor<IMAPIOfflineMgr>::value, "COM's interfaces have no destructor");

namespace {

// An object of Kopano, unrelated to the library's objects.
class folder : public virtual IUnknown {
public:
    ULONG AddRef() override {
        return ++references_;
    }
    ULONG Release() override {
        return --references_;
    }
    HRESULT QueryInterface(REFIID refiid, void **object) override {
        *object = refiid == IID_IUnknown ? this : nullptr;
        return *object != nullptr ? S_OK : E_NOINTERFACE;
    }

private:
    ULONG references_ = 1;
};

} // namespace

int main() {
    folder theirs;
    void *itself = nullptr;
    NEIGHBOUR_REQUIRE(theirs.QueryInterface(IID_IUnknown, &itself) == S_OK && theirs.AddRef() == 2);
    IMAPIOfflineMgr *manager = nullptr;
    NEIGHBOUR_REQUIRE(HrOpenOfflineObj(0, L"Kopano", &GUID_GlobalState, nullptr, &manager) == S_OK);
    // The library recognises a parent by its vtable: it refuses Kopano's object and does not call it.
    MAPIOFFLINE_CREATEINFO info = {};
    IMAPIOfflineMgr *child = nullptr;
    info.ulSize = sizeof(info);
    info.pwszProfileName = L"Kopano";
    info.pParent = reinterpret_cast<IMAPIOfflineMgr *>(&theirs);
    NEIGHBOUR_REQUIRE(HrCreateOfflineObj(0, &info, &child) == E_INVALIDARG && child == nullptr);
    NEIGHBOUR_REQUIRE(IsEqualIID(IID_IMAPIOffline, IID_IMAPIOffline) && IID_IMAPIOffline != IID_IMAPIOfflineMgr);
    return neighbour_hears_one_change(manager);
}
